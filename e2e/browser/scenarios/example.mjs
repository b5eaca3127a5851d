// The web app of the examples, as a newcomer meets it.
import assert from 'node:assert/strict';
import { fillSignUp, picture, typeCode } from '../lib/browser.mjs';
import { codeFor, eventually, newEmail, userOf, world } from '../lib/world.mjs';

export default {
  'a newcomer signs up, and the server knows them': async ({ open }) => {
    const v = await open();
    const page = await v.page('/');
    await picture(page, 'example-signed-out');
    await page.getByRole('link', { name: 'Sign up' }).click();
    const email = newEmail();
    await fillSignUp(page, email);
    await typeCode(page, await codeFor(email));
    await page.getByText(`Hello, ${email}.`).waitFor();
    await page.getByRole('button', { name: 'Ask the server' }).click();
    const user = await userOf(email);
    await page.locator('#answer', { hasText: user.id }).waitFor();
    await picture(page, 'example-signed-in');

    const stranger = await fetch(`${world.pages}/private`);
    assert.equal(stranger.status, 401);
    await page.getByRole('button', { name: /user (button|menu)/i }).click();
    await page.getByText('Sign out', { exact: true }).click();
    await page.locator('input[name=identifier]').waitFor(); // the page has come home, and offers to sign in
    await page.getByText('Nobody is signed in.').waitFor();
    await eventually('the server has nobody either', async () => (await v.context.request.get(`${world.pages}/private`)).status() === 401);
  },
};
