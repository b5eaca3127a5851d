// Runs the scenarios of some files, one after the other, in one Chromium: run.mjs FILE...
// It prints a line of JSON for each: {"name", "ok", "error", "requests"}.
import { closeAll, launch, picture, Visitor } from './lib/browser.mjs';
import { world } from './lib/world.mjs';

const only = world.only && new RegExp(world.only);
const browser = await launch();

async function run(name, scenario) {
  let error;
  try {
    await scenario({ open: (options) => Visitor.open(browser, options) });
  } catch (e) {
    error = [e.stack ?? String(e), ...Visitor.all.map((v) => `sent: ${v.traffic.all.join(', ')}`)].join('\n');
    for (const [i, page] of Visitor.all.flatMap((v) => v.context.pages()).entries()) {
      const file = `failed-${world.name}-${name}-${i}`.replace(/[^\w-]+/g, '-');
      await picture(page, file).then(() => { error += `\nscreenshot: ${file}.png, page: ${page.url()}`; }, () => {});
    }
  }
  const { requests, problems } = await closeAll();
  if (problems.length) error = [error, ...problems].filter(Boolean).join('\n');
  console.log(JSON.stringify({ name, ok: !error, error, requests }));
}

for (const file of process.argv.slice(2)) {
  const { default: scenarios } = await import(`./scenarios/${file}.mjs`);
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (!only || only.test(name)) await run(name, scenario);
  }
}
await browser.close();
