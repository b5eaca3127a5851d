// Whole lives of sessions in a browser, with the exact requests of each step.
import assert from 'node:assert/strict';
import { call, loaded, refused, sessionId, signedOut, tokens, userId } from '../lib/browser.mjs';
import { backend, codeFor, eventually, newEmail, password, unique, v6, world } from '../lib/world.mjs';

const touch = 'POST /client/sessions/{id}/touch';
const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));

export default {
  'sign up, with a wrong code and the right one': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    v.traffic.take();
    const email = newEmail();
    const made = await call(page, async (c, [emailAddress, password]) => {
      const s = await c.client.signUp.create({ emailAddress, password });
      return [s.status, s.missingFields, s.unverifiedFields, s.verifications.emailAddress.status];
    }, [email, password]);
    assert.deepEqual(made, ['missing_requirements', [], ['email_address'], null]);
    const [sent] = v.sent('POST /client/sign_ups');
    assert.equal(sent.body.email_address, email);
    await call(page, (c) => c.client.signUp.prepareEmailAddressVerification({ strategy: 'email_code' }));
    v.sent('POST /client/sign_ups/{id}/prepare_verification');
    const right = await codeFor(email);
    const wrong = right === '000000' ? '000001' : '000000';
    const error = await refused(422, 'form_code_incorrect', page, (c, code) => c.client.signUp.attemptEmailAddressVerification({ code }), wrong);
    assert.equal(error.param, 'code');
    v.sent('POST /client/sign_ups/{id}/attempt_verification');
    const done = await call(page, async (c, code) => {
      const s = await c.client.signUp.attemptEmailAddressVerification({ code });
      return { status: s.status, session: s.createdSessionId, known: c.client.sessions.map((s) => s.id), active: c.session?.id ?? null };
    }, right);
    v.sent('POST /client/sign_ups/{id}/attempt_verification');
    assert.deepEqual([done.status, done.known], ['complete', [done.session]]);
    assert.equal((await v.sessionCookies()).length, 0, 'the session is not active before the page says so');

    await call(page, (c, session) => c.setActive({ session }), done.session);
    const [touched] = v.sent(touch);
    if (v6) assert.equal(touched.body.intent, 'select_session');
    assert.equal(await call(page, (c) => c.user.primaryEmailAddress.emailAddress), email);
    const cookies = await v.sessionCookies();
    assert.deepEqual(cookies.map((c) => c.name).sort(), ['__session', `__session_${world.suffix}`].sort());
    const claims = claimsOf(cookies[0].value);
    assert.deepEqual([claims.sid, claims.azp, claims.sts], [done.session, world.pages, 'active']);
    assert.ok(cookies.every((c) => c.value === cookies[0].value));
    const uat = (await v.cookies()).__client_uat;
    assert.ok(Number(uat.value) > 0, `__client_uat=${uat.value}`);
  },

  'an address that is taken, and a password that is too short': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const { email } = await v.signUp(page);
    const other = await (await open()).page();
    const create = (c, [emailAddress, password]) => c.client.signUp.create({ emailAddress, password });
    const taken = await refused(422, 'form_identifier_exists', other, create, [email, password]);
    assert.equal(taken.param, 'email_address');
    await refused(422, 'form_password_length_too_short', other, create, [newEmail(), 'short']);
  },

  'tokens: cached, fresh, and of templates': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const template = unique('probe');
    await backend('POST', '/jwt_templates', { name: template, claims: { aud: 'app', mail: '{{user.primary_email_address}}' } });
    const person = await v.signUp(page);
    v.traffic.take();
    const cached = await call(page, (c) => c.session.getToken());
    v.sent();
    assert.equal(claimsOf(cached).sub, person.user);
    await call(page, (c) => c.session.getToken({ skipCache: true }));
    v.sent(tokens);
    const special = await call(page, (c, template) => c.session.getToken({ template }), template);
    v.sent('POST /client/sessions/{id}/tokens/' + template);
    const claims = claimsOf(special);
    assert.deepEqual([claims.aud, claims.mail, claims.sub], ['app', person.email, person.user]);
    await refused(404, 'resource_not_found', page, (c) => c.session.getToken({ template: 'no-such-template' }));
    assert.equal(await userId(page), person.user, 'an unknown template signs nobody out');
  },

  'a reload keeps the session': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const person = await v.signUp(page);
    v.traffic.take();
    await page.reload();
    await loaded(page);
    assert.deepEqual([await userId(page), await sessionId(page)], [person.user, person.session]);
    v.sentLoad(true);
    await call(page, (c) => c.session.getToken());
    v.sent();
    const other = await v.page();
    assert.equal(await userId(other), person.user, 'a second tab');
  },

  'two accounts: switch, sign out of one, of all': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const first = await v.signUp(page);
    const second = await v.signUp(page);
    assert.equal(await userId(page), second.user);
    assert.deepEqual(await call(page, (c) => c.client.sessions.map((s) => s.id)), [first.session, second.session]);
    v.traffic.take();
    await call(page, (c, session) => c.setActive({ session }), first.session);
    v.sent(touch);
    assert.equal(await userId(page), first.user);
    assert.equal(claimsOf((await v.sessionCookies())[0].value).sub, first.user);
    const before = (await v.cookies()).__client_uat.value;
    await call(page, (c, sessionId) => c.signOut(() => {}, { sessionId }), second.session);
    v.sentSinceRemoval('POST /client/sessions/{id}/remove');
    assert.ok(Number((await v.cookies()).__client_uat.value) >= Number(before));
    assert.deepEqual(await call(page, (c) => c.client.sessions.map((s) => s.id)), [first.session]);
    assert.equal((await backend('GET', `/sessions/${second.session}`)).status, 'removed');
    await call(page, (c) => c.signOut(() => {}));
    v.sentSinceRemoval('DELETE /client/sessions');
    await signedOut(page);
    assert.deepEqual(await v.sessionCookies(), []);
    assert.equal((await v.cookies()).__client_uat.value, '0');
    assert.equal((await backend('GET', `/sessions/${first.session}`)).status, 'removed');
  },

  'sign out goes home': async ({ open }) => {
    const v = await open();
    const page = await v.page('/?somewhere');
    await v.signUp(page);
    await Promise.all([page.waitForURL(`${world.pages}/`), page.evaluate(() => { window.Clerk.signOut(); })]);
    await loaded(page);
    assert.equal(await userId(page), null);
  },

  'sign in: unknown, wrong password, right': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const person = await v.signUp(page);
    await call(page, (c) => c.signOut(() => {}));
    v.traffic.take();
    const create = (c, params) => c.client.signIn.create(params).then((s) => [s.status, s.createdSessionId]);
    const unknown = await refused(422, 'form_identifier_not_found', page, create, { identifier: newEmail(), password });
    assert.equal(unknown.param, 'identifier');
    const wrong = await refused(422, 'form_password_incorrect', page, create, { identifier: person.email, password: 'not this one' });
    assert.equal(wrong.param, 'password');
    v.sent('POST /client/sign_ins', 'POST /client/sign_ins');
    const [status, session] = await call(page, create, { identifier: person.email, password });
    v.sent('POST /client/sign_ins');
    assert.equal(status, 'complete');
    await call(page, (c, session) => c.setActive({ session }), session);
    v.sent(touch);
    assert.equal(await userId(page), person.user);
    const again = await refused(400, 'identifier_already_signed_in', page, create, { identifier: person.email, password });
    assert.ok(again);
  },

  'a second browser signs in by email, and is revoked': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const person = await v.signUp(page);
    const w = await open();
    const other = await w.page();
    w.traffic.take();
    await call(other, async (c, identifier) => {
      const s = await c.client.signIn.create({ identifier });
      const { emailAddressId } = s.supportedFirstFactors.find((f) => f.strategy === 'email_code');
      await s.prepareFirstFactor({ strategy: 'email_code', emailAddressId });
    }, person.email);
    const code = await codeFor(person.email);
    const session = await call(other, async (c, code) => {
      const done = await c.client.signIn.attemptFirstFactor({ strategy: 'email_code', code });
      await c.setActive({ session: done.createdSessionId });
      return done.createdSessionId;
    }, code);
    w.sent('POST /client/sign_ins', 'POST /client/sign_ins/{id}/prepare_first_factor', 'POST /client/sign_ins/{id}/attempt_first_factor', touch);
    assert.equal(await userId(other), person.user);
    assert.notEqual(session, person.session);

    v.traffic.take();
    const list = await call(page, async (c) => (await c.user.getSessions()).map((s) => [s.id, s.latestActivity.browserName]));
    v.sent('GET /me/sessions/active');
    assert.deepEqual(list.map(([id]) => id).sort(), [person.session, session].sort());
    assert.ok(list.every(([, browser]) => /chrom/i.test(browser)), JSON.stringify(list));
    await call(page, async (c, id) => (await c.user.getSessions()).find((s) => s.id === id).revoke(), session);
    assert.equal(v.traffic.take().at(-1).line, 'POST /me/sessions/{id}/revoke');

    w.traffic.take();
    await refused(401, 'authentication_invalid', other, (c) => c.session.getToken({ skipCache: true }));
    await signedOut(other);
    assert.deepEqual([...new Set(w.traffic.take().map((r) => r.line))].slice(0, 2), [tokens, 'GET /client']);
    assert.deepEqual(await w.sessionCookies(), []);
    assert.equal(await userId(page), person.user, 'the browser that revoked goes on');
    await page.reload();
    await loaded(page);
    assert.equal(await userId(page), person.user);
  },

  'a tab follows the sign-out of another': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const person = await v.signUp(page);
    const other = await v.page();
    assert.equal(await userId(other), person.user);
    await call(page, (c) => c.signOut(() => {}));
    await signedOut(other);
  },

  'sign in with a ticket of the Backend API': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const user = await backend('POST', '/users', { email_address: [newEmail()] });
    const { token } = await backend('POST', '/sign_in_tokens', { user_id: user.id });
    await call(page, async (c, ticket) => {
      const s = await c.client.signIn.create({ strategy: 'ticket', ticket });
      await c.setActive({ session: s.createdSessionId });
    }, token);
    assert.equal(await userId(page), user.id);
    const other = await (await open()).page();
    await refused(400, 'ticket_invalid_code', other, (c, ticket) => c.client.signIn.create({ strategy: 'ticket', ticket }), token);
  },

  'a forgotten password is replaced': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const person = await v.signUp(page);
    const w = await open();
    const other = await w.page();
    await call(other, (c, identifier) => c.client.signIn.create({ strategy: 'reset_password_email_code', identifier }), person.email);
    const code = await codeFor(person.email);
    const status = await call(other, async (c, code) =>
      (await c.client.signIn.attemptFirstFactor({ strategy: 'reset_password_email_code', code })).status, code);
    assert.equal(status, 'needs_new_password');
    const session = await call(other, async (c, password) => {
      const s = await c.client.signIn.resetPassword({ password, signOutOfOtherSessions: true });
      await c.setActive({ session: s.createdSessionId });
      return s.createdSessionId;
    }, 'a brand new secret');
    assert.equal(await sessionId(other), session);
    await refused(401, 'authentication_invalid', page, (c) => c.session.getToken({ skipCache: true }));
    await signedOut(page);
  },

  'a ban is noticed at the next focus': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const person = await v.signUp(page);
    await backend('POST', `/users/${person.user}/ban`);
    await page.evaluate(() => window.dispatchEvent(new Event('focus')));
    await signedOut(page);
    await eventually('the session token is gone', async () => (await v.sessionCookies()).length === 0);
  },
};
