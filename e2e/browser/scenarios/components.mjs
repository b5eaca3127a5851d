// The components, used by hand: fields are filled and buttons are pressed, as people do.
import assert from 'node:assert/strict';
import { call, choosePassword, fillSignUp, go, loaded, picture, typeCode, userId } from '../lib/browser.mjs';
import { backend, codeFor, newEmail, password, userOf, v6, world } from '../lib/world.mjs';

const home = '/ui/home';
const shot = (page, name) => picture(page, `clerk-js-${world.clerkJs}-${name}`);

/** Mounts a component into the page. */
const mount = (page, component, options = {}) => call(page, (c, [component, options]) => {
  const root = document.getElementById('app');
  root.replaceChildren(Object.assign(document.createElement('div'), { id: 'mounted' }));
  c[`mount${component}`](root.firstChild, options);
}, [component, options]);

const atHome = async (page) => {
  await page.waitForURL(`**${home}`);
  await loaded(page);
};

/** Signs a new person up through the component. */
async function signUp(page, name) {
  const email = newEmail();
  await mount(page, 'SignUp', { fallbackRedirectUrl: home, signInUrl: '/ui/sign-in' });
  if (name) {
    await page.locator('input[name=emailAddress]').waitFor();
    await shot(page, `${name}-form`);
  }
  await fillSignUp(page, email);
  const code = await codeFor(email);
  if (name) await shot(page, `${name}-code`);
  await typeCode(page, code);
  await atHome(page);
  return { email, user: (await userOf(email)).id };
}

export default {
  'SignUp, UserButton, UserProfile, sign out': async ({ open }) => {
    const v = await open();
    const page = await v.page('/ui/sign-up');
    const person = await signUp(page, 'sign-up');
    assert.equal(await userId(page), person.user);

    await mount(page, 'UserButton');
    const button = page.getByRole('button', { name: /user (button|menu)/i });
    await button.waitFor();
    const avatar = page.locator('#mounted img').first();
    await avatar.waitFor();
    await page.waitForFunction(() => document.querySelector('#mounted img').naturalWidth > 0);
    await button.click();
    await page.getByText(person.email).first().waitFor();
    await shot(page, 'user-button');
    await page.keyboard.press('Escape');

    await mount(page, 'UserProfile');
    await page.getByText('Profile details').first().waitFor();
    await page.getByText(person.email).first().waitFor();
    await shot(page, 'user-profile');
    await page.getByRole('button', { name: 'Update profile' }).click();
    await page.locator('input[name=firstName]').fill('Anna');
    await page.locator('input[name=lastName]').fill('Doe');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Anna Doe').first().waitFor();
    await page.getByRole('button', { name: 'Security', exact: true }).click();
    await page.getByText('This device').first().waitFor();
    await page.getByText(/chrom/i).first().waitFor();
    await shot(page, 'security');
    assert.equal((await backend('GET', `/users/${person.user}`)).first_name, 'Anna');

    await mount(page, 'UserButton');
    await button.click();
    await Promise.all([page.waitForURL(`${world.pages}/`), page.getByText('Sign out', { exact: true }).click()]);
    await loaded(page);
    assert.equal(await userId(page), null);
  },

  'SignIn: unknown, wrong password, right': async ({ open }) => {
    const v = await open();
    const page = await v.page('/ui/sign-up');
    const person = await signUp(page);
    await call(page, (c) => c.signOut(() => {}));
    await mount(page, 'SignIn', { fallbackRedirectUrl: home, signUpUrl: '/ui/sign-up' });
    const identifier = page.locator('input[name=identifier]');
    await identifier.fill(newEmail());
    await go(page);
    await page.getByText(/couldn.t find your account|no account/i).first().waitFor();
    await shot(page, 'sign-in-unknown');
    await identifier.fill(person.email);
    await go(page);
    const secret = page.locator('input[name=password]:not([tabindex="-1"])');
    await secret.waitFor();
    await secret.fill('not this one');
    await go(page);
    await page.getByText(/password is incorrect|not the password/i).first().waitFor();
    await shot(page, 'sign-in-wrong-password');
    await secret.fill(password);
    await go(page);
    await atHome(page);
    assert.equal(await userId(page), person.user);
  },

  'SignIn by email, and a second account': async ({ open }) => {
    const v = await open();
    const page = await v.page('/ui/sign-up');
    const person = await signUp(page);
    await backend('POST', '/users', { email_address: [newEmail()], first_name: 'Nils' }).then(async (other) => {
      const email = other.email_addresses[0].email_address;
      await mount(page, 'SignIn', { fallbackRedirectUrl: home });
      await page.locator('input[name=identifier]').fill(email);
      await go(page);
      const code = await codeFor(email);
      await typeCode(page, code);
      await page.waitForFunction((id) => window.Clerk?.user?.id === id, other.id);
      await atHome(page);
      assert.equal(await userId(page), other.id);
    });
    await mount(page, 'UserButton');
    await page.getByRole('button', { name: /user (button|menu)/i }).click();
    await page.getByText(person.email).first().waitFor();
    await page.getByText(/add account/i).first().waitFor();
    await shot(page, 'two-accounts');
    await page.getByText(person.email).first().click();
    await page.waitForFunction((id) => window.Clerk?.user?.id === id, person.user);
  },

  'a forgotten password': async ({ open }) => {
    const v = await open();
    const page = await v.page('/ui/sign-up');
    const person = await signUp(page);
    await call(page, (c) => c.signOut(() => {}));
    await mount(page, 'SignIn', { fallbackRedirectUrl: home });
    await page.locator('input[name=identifier]').fill(person.email);
    await go(page);
    await page.getByText('Forgot password?').click();
    await page.getByRole('button', { name: 'Reset your password' }).click();
    const code = await codeFor(person.email);
    await typeCode(page, code);
    await choosePassword(page, 'a brand new secret');
    await page.locator('input[name=confirmPassword]').fill('a brand new secret');
    await shot(page, 'new-password');
    await page.keyboard.press('Enter'); // the button still moves when the form says that both are the same
    await atHome(page);
    assert.equal(await userId(page), person.user);
  },
};
