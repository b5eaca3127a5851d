// An app in React: hooks and components of @clerk/react, which load the scripts by themselves.
import assert from 'node:assert/strict';
import { fillSignUp, picture, typeCode } from '../lib/browser.mjs';
import { codeFor, newEmail, password, userOf } from '../lib/world.mjs';

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const shows = (page, id, text) => page.locator(`#${id}`, { hasText: text }).waitFor();

export default {
  'hooks: sign up, token, rename, sign out, sign in': async ({ open }) => {
    const v = await open();
    const page = await v.page('/react');
    const email = newEmail();
    await page.locator('#email-input').fill(email);
    await page.locator('#password-input').fill(password);
    await press(page, 'Sign up');
    await shows(page, 'said', 'done');
    await page.locator('#code-input').fill(await codeFor(email));
    await press(page, 'Verify');
    await shows(page, 'email', email);
    await shows(page, 'sessions', '1');
    await press(page, 'Get token');
    await shows(page, 'token', 'eyJ');
    await press(page, 'Rename');
    await shows(page, 'name', 'Anna Doe');
    await page.getByRole('button', { name: /user (button|menu)/i }).waitFor();
    await picture(page, 'react-signed-in');
    await press(page, 'Sign out');
    await page.locator('#email-input').waitFor();
    await page.locator('#email-input').fill(email);
    await page.locator('#password-input').fill('not this one');
    await press(page, 'Sign in');
    await shows(page, 'said', 'form_password_incorrect');
    await page.locator('#password-input').fill(password);
    await press(page, 'Sign in');
    await shows(page, 'email', email);
    await page.reload();
    await shows(page, 'email', email);
    assert.equal((await userOf(email)).first_name, 'Anna');
  },

  'components: SignUp and UserButton': async ({ open }) => {
    const v = await open();
    const page = await v.page('/react/sign-up');
    const email = newEmail();
    await page.locator('input[name=emailAddress]').waitFor();
    await picture(page, 'react-sign-up');
    await fillSignUp(page, email);
    await typeCode(page, await codeFor(email));
    await page.waitForURL('**/react');
    await shows(page, 'email', email);
    await page.getByRole('button', { name: /user (button|menu)/i }).click();
    await page.getByText(/manage account/i).first().waitFor();
    await picture(page, 'react-user-button');
  },
};
