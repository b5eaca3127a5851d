// Runs the scenarios of some files, one after the other, in one Chromium: run.mjs FILE...
// It prints a line of JSON for each: {"name", "ok", "error", "requests"}.
import { launch, leave, picture, Visitor } from './lib/browser.mjs';
import { world } from './lib/world.mjs';

/** Waits for work, but not for ever: a page that hangs never answers. */
function within(seconds, work, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} has not ended after ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const only = world.only && new RegExp(world.only);
let browser = await launch();

async function run(name, scenario) {
  let error;
  try {
    await within(180, scenario({ open: (options) => Visitor.open(browser, options) }), 'the scenario');
  } catch (e) {
    error = [e.stack ?? String(e), ...Visitor.all.map((v) => v.tell())].join('\n');
    for (const [i, page] of Visitor.all.flatMap((v) => v.context.pages()).entries()) {
      const file = `failed-${world.name}-${name}-${i}`.replace(/[^\w-]+/g, '-');
      await picture(page, file).then(() => { error += `\nscreenshot: ${file}.png, page: ${page.url()}`; }, () => {});
    }
  }
  const { requests, problems, closed } = leave();
  if (problems.length) error = [error, ...problems].filter(Boolean).join('\n');
  console.log(JSON.stringify({ name, ok: !error, error, requests }));
  // Chromium sometimes never closes a page that is on its way to another one. The next scenario gets a fresh browser then.
  await within(10, closed, 'closing the pages').catch(async (e) => {
    console.error(`${name}: ${e.message}`);
    browser = await launch();
  });
}

for (const file of process.argv.slice(2)) {
  const { default: scenarios } = await import(`./scenarios/${file}.mjs`);
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (!only || only.test(name)) await run(name, scenario);
  }
}
await within(10, browser.close(), 'closing the browser').catch((e) => console.error(e.message));
process.exit(); // which ends every browser that is still there
