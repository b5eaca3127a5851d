// The pages that the server hosts: with components, and without scripts.
import assert from 'node:assert/strict';
import { loaded, picture, userId } from '../lib/browser.mjs';
import { codeFor, newEmail, password, userOf, world } from '../lib/world.mjs';

const host = world.proxyUrl;
const app = `${world.pages}/`;
const to = (path, asked) => `${host}${path}${asked ? `${path.includes('?') ? '&' : '?'}redirect_url=${encodeURIComponent(asked)}` : ''}`;

// visit opens a hosted page. What its policy forbids is a problem of the visitor.
async function visit(v, url) {
  const page = await v.context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('console', (m) => {
    if (/content security policy/i.test(m.text())) v.problems.push(`${page.url()}: ${m.text()}`);
  });
  await page.goto(url);
  return page;
}

const arrives = (page, path, origin = host) => page.waitForURL((u) => u.origin === origin && u.pathname === path);

export default {
  'components sign up, show the account, and sign in for an app': async ({ open }) => {
    const v = await open();
    const email = newEmail();
    const page = await visit(v, to('/sign-up'));
    await page.fill('input[name=emailAddress]', email);
    await page.fill('input[name=password]', password);
    await page.keyboard.press('Enter');
    await page.click('input[autocomplete=one-time-code]');
    await page.keyboard.type(await codeFor(email));
    await arrives(page, '/user');
    await page.getByText(email).first().waitFor();
    await picture(page, `hosted-user-${world.mode}`);

    await page.getByText('Use a simpler page').click();
    await page.click('button[value=sign_out]');
    await arrives(page, '/sign-in');
    await page.goto(to('/sign-in', app));
    await page.fill('input[name=identifier]', email);
    await page.keyboard.press('Enter');
    const field = page.locator('input[name=password]:not([tabindex="-1"])');
    await field.fill(password);
    await page.keyboard.press('Enter');
    await arrives(page, '/', world.pages);
    await loaded(page);
    assert.equal(await userId(page), (await userOf(email)).id, 'the app does not see who signed in');
  },

  'without scripts, people sign up and come back to the app': async ({ open }) => {
    const v = await open({ javaScriptEnabled: false });
    const email = newEmail();
    const page = await visit(v, to('/sign-up?plain=1', app));
    await page.fill('#email_address', email);
    await page.fill('#password', password);
    await page.keyboard.press('Enter');
    await page.fill('#code', '000000');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    assert.equal(await page.getByLabel('Code').getAttribute('aria-invalid'), 'true');
    await page.fill('#code', await codeFor(email));
    await page.keyboard.press('Enter');
    await arrives(page, '/', world.pages); // another origin than the form's, which its policy has to allow
    await page.goto(to('/user?plain=1'));
    await page.getByText(email).first().waitFor();
    await picture(page, `hosted-plain-${world.mode}`);
  },

  'a link with a ticket signs nobody in by itself': async ({ open }) => {
    const v = await open();
    const page = await visit(v, to('/sign-in?__clerk_ticket=anything'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    assert.equal(new URL(page.url()).pathname, '/sign-in');
  },
};
