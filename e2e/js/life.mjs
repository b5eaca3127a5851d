// The whole life of a session, through the current @clerk/backend.
import assert from 'node:assert/strict';
import { createClerkClient, verifyToken } from '@clerk/backend';
import { isClerkAPIResponseError, TokenVerificationErrorReason } from '@clerk/backend/errors';
import {
  assertSessionClaims, headerOf, newEmail, nobody, options, refused, requestWith, server, step, unique, wrongKey,
} from './lib/world.mjs';

const clerk = createClerkClient(options);
const stranger = createClerkClient({ ...options, secretKey: wrongKey });
const email = newEmail();
const template = unique('template');
let user, session, jwt, templateJwt;

await step('create a user', async () => {
  user = await clerk.users.createUser({
    emailAddress: [email],
    firstName: 'Maria',
    lastName: 'Doe',
    password: 'a long enough secret',
    publicMetadata: { profile: { interests: ['reading', 'climbing'] } },
  });
  assert.match(user.id, /^user_/);
  assert.equal(user.primaryEmailAddress.emailAddress, email);
  assert.equal(user.passwordEnabled, true);
  assert.ok(Math.abs(user.createdAt - Date.now()) < 3_600_000, 'createdAt is in milliseconds');
});

await step('create a session', async () => {
  session = await clerk.sessions.createSession({ userId: user.id });
  assert.match(session.id, /^sess_/);
  assert.match(session.clientId, /^client_/);
  assert.equal(session.userId, user.id);
  assert.equal(session.status, 'active');
  assert.equal(session.actor, null);
  assert.equal(session.expireAt - session.createdAt, 7 * 86_400_000);
});

await step('get the session', async () => {
  assert.deepEqual(await clerk.sessions.getSession(session.id), session);
});

await step('list sessions by user, newest first, with the total', async () => {
  const second = await clerk.sessions.createSession({ userId: user.id });
  const third = await clerk.sessions.createSession({ userId: user.id });
  const all = await clerk.sessions.getSessionList({ userId: user.id });
  assert.equal(all.totalCount, 3);
  assert.deepEqual(all.data.map((s) => s.id), [third.id, second.id, session.id]);

  const page = await clerk.sessions.getSessionList({ userId: user.id, limit: 1, offset: 1 });
  assert.equal(page.totalCount, 3);
  assert.deepEqual(page.data.map((s) => s.id), [second.id]);

  await clerk.sessions.revokeSession(second.id);
  await clerk.sessions.revokeSession(third.id);
  const active = await clerk.sessions.getSessionList({ userId: user.id, status: 'active' });
  assert.equal(active.totalCount, 1);
  assert.deepEqual(active.data.map((s) => s.id), [session.id]);
  const revoked = await clerk.sessions.getSessionList({ userId: user.id, status: 'revoked' });
  assert.equal(revoked.totalCount, 2);

  const empty = await clerk.sessions.getSessionList({ userId: nobody('user') });
  assert.deepEqual(empty, { data: [], totalCount: 0 });
});

await step('list sessions by client, and the client itself', async () => {
  const byClient = await clerk.sessions.getSessionList({ clientId: session.clientId });
  assert.deepEqual(byClient.data.map((s) => s.id), [session.id]);
  const client = await clerk.clients.getClient(session.clientId);
  assert.deepEqual(client.sessionIds, [session.id]);
  assert.equal(client.sessions[0].id, session.id);
  assert.equal(client.lastActiveSessionId, session.id);
  const clients = await clerk.clients.getClientList();
  assert.equal(clients.totalCount, 3);
  assert.ok(clients.data.some((c) => c.id === session.clientId));
});

await step('mint a token and verify it with the PEM, without the network', async () => {
  jwt = (await clerk.sessions.getToken(session.id)).jwt;
  const { alg, typ, cat, kid } = headerOf(jwt);
  assert.deepEqual({ alg, typ, cat }, { alg: 'RS256', typ: 'JWT', cat: 'cl_B7d4PD111AAA' });
  assert.match(kid, /^ins_\w{27}$/);
  assertSessionClaims(await verifyToken(jwt, { jwtKey: server.jwtKey }), session);
});

await step('verify it with the JWKS', async () => {
  const claims = await verifyToken(jwt, {
    secretKey: server.secretKey, apiUrl: server.backendUrl, issuer: server.frontendUrl,
  });
  assertSessionClaims(claims, session);
});

await step('mint a token that lives as long as asked', async () => {
  const { jwt: long } = await clerk.sessions.getToken(session.id, undefined, 3600);
  assertSessionClaims(await verifyToken(long, { jwtKey: server.jwtKey }), session, 3600);
  await refused(() => clerk.sessions.getToken(session.id, undefined, 29),
    422, 'form_param_value_invalid', 'expires_in_seconds');
  await refused(() => clerk.sessions.getToken(session.id, undefined, 315_360_001),
    422, 'form_param_value_too_large', 'expires_in_seconds');
});

await step('a token without an origin is refused where authorized parties are set', async () => {
  await assert.rejects(
    verifyToken(jwt, { jwtKey: server.jwtKey, authorizedParties: ['https://app.example.com'] }),
    { reason: TokenVerificationErrorReason.TokenInvalidAuthorizedParties });
});

await step('a token that was tampered with is refused', async () => {
  const [head, , signature] = jwt.split('.');
  const forged = Buffer.from(JSON.stringify({ sub: 'user_admin', exp: 4_000_000_000 })).toString('base64url');
  await assert.rejects(verifyToken(`${head}.${forged}.${signature}`, { jwtKey: server.jwtKey }),
    { reason: TokenVerificationErrorReason.TokenInvalidSignature });
});

await step('authenticate a request that carries the token', async () => {
  const state = await clerk.authenticateRequest(requestWith(jwt), { jwtKey: server.jwtKey });
  assert.equal(state.isAuthenticated, true, state.message);
  assert.equal(state.toAuth().userId, user.id);
  assert.equal(state.toAuth().sessionId, session.id);
  const byNetwork = await clerk.authenticateRequest(requestWith(jwt));
  assert.equal(byNetwork.isAuthenticated, true, byNetwork.message);
});

await step('manage JWT templates', async () => {
  const created = await clerk.jwtTemplates.create({
    name: template,
    claims: {
      aud: 'my-app',
      email: '{{user.primary_email_address}}',
      greeting: '{{user.last_name}} {{user.first_name}}',
      interests: '{{user.public_metadata.profile.interests}}',
      age: '{{user.public_metadata.age || user.unsafe_metadata.age || 30}}',
      nothing: '{{user.nope}}',
    },
    lifetime: 120,
  });
  assert.match(created.id, /^jtmpl_/);
  assert.equal(created.lifetime, 120);
  assert.equal(created.allowedClockSkew, 5);
  assert.equal(created.customSigningKey, false);
  assert.equal(created.signingAlgorithm, 'RS256');
  assert.equal(created.claims.email, '{{user.primary_email_address}}');
  assert.deepEqual(await clerk.jwtTemplates.get(created.id), created);
  const list = await clerk.jwtTemplates.list();
  assert.equal(list.totalCount, 1);
  assert.equal(list.data[0].name, template);

  const other = await clerk.jwtTemplates.create({ name: unique('other'), claims: {} });
  const renamed = await clerk.jwtTemplates.update({ templateId: other.id, name: unique('new'), claims: { a: 1 } });
  assert.deepEqual(renamed.claims, { a: 1 });
  const gone = await clerk.jwtTemplates.delete(other.id);
  assert.equal(gone.deleted, true);
  await refused(() => clerk.jwtTemplates.get(other.id), 404, 'resource_not_found');
  await refused(() => clerk.jwtTemplates.create({ name: unique('bad'), claims: { sub: 'me' } }),
    400, 'jwt_template_reserved_claim');
});

await step('mint a token from a template', async () => {
  templateJwt = (await clerk.sessions.getToken(session.id, template)).jwt;
  assert.equal(headerOf(templateJwt).cat, 'cl_B7d4PD222AAA');
  const { iat, exp, nbf, jti, ...claims } = await verifyToken(templateJwt, { jwtKey: server.jwtKey });
  assert.deepEqual(claims, {
    iss: server.frontendUrl,
    sub: user.id,
    aud: 'my-app',
    email,
    greeting: 'Doe Maria',
    interests: ['reading', 'climbing'],
    age: 30,
    nothing: null,
  });
  assert.equal(exp - iat, 120);
  assert.equal(iat - nbf, 5);
  assert.ok(jti);

  const { jwt: short } = await clerk.sessions.getToken(session.id, template, 30);
  const brief = await verifyToken(short, { jwtKey: server.jwtKey });
  assert.equal(brief.exp - brief.iat, 30);
});

await step('a template token is not a session', async () => {
  const state = await clerk.authenticateRequest(requestWith(templateJwt), { jwtKey: server.jwtKey });
  assert.equal(state.isAuthenticated, false);
  assert.equal(state.reason, 'token-type-mismatch');
});

await step('manage users', async () => {
  const { data, totalCount } = await clerk.users.getUserList({ emailAddress: [email] });
  assert.deepEqual([data.map((u) => u.id), totalCount], [[user.id], 1]);
  assert.equal(await clerk.users.getCount(), 1);
  const second = await clerk.users.createUser({ firstName: 'Nils', emailAddress: [newEmail()] });
  const newest = await clerk.users.getUserList({ orderBy: '-created_at', limit: 1 });
  assert.equal(newest.totalCount, 2);
  assert.deepEqual(newest.data.map((u) => u.id), [second.id]);
  assert.deepEqual((await clerk.users.getUserList({ query: 'NILS' })).data.map((u) => u.id), [second.id]);

  const updated = await clerk.users.updateUser(second.id, { lastName: 'Holm', unsafeMetadata: { a: { b: 1 } } });
  assert.equal(updated.fullName, 'Nils Holm');
  assert.deepEqual(updated.unsafeMetadata, { a: { b: 1 } });
  const merged = await clerk.users.updateUserMetadata(second.id, {
    unsafeMetadata: { a: { b: null, c: 2 } }, privateMetadata: { plan: 'gold' },
  });
  assert.deepEqual(merged.unsafeMetadata, { a: { c: 2 } });
  const replaced = await clerk.users.replaceUserMetadata(second.id, { unsafeMetadata: { z: 1 } });
  assert.deepEqual(replaced.unsafeMetadata, { z: 1 });
  assert.deepEqual(replaced.privateMetadata, { plan: 'gold' });
  assert.deepEqual((await clerk.users.getUser(second.id)).unsafeMetadata, { z: 1 });
  await refused(() => clerk.users.createUser({ emailAddress: [email.toUpperCase()] }),
    422, 'form_identifier_exists', 'email_address');

  const gone = await clerk.users.deleteUser(second.id);
  assert.deepEqual([gone.id, gone.deleted], [second.id, true]);
  await refused(() => clerk.users.getUser(second.id), 404, 'resource_not_found');
});

await step('manage email addresses', async () => {
  const second = newEmail();
  const address = await clerk.emailAddresses.createEmailAddress({ userId: user.id, emailAddress: second, verified: true });
  assert.match(address.id, /^idn_/);
  assert.equal(address.verification.status, 'verified');
  await clerk.emailAddresses.updateEmailAddress(address.id, { primary: true });
  assert.equal((await clerk.users.getUser(user.id)).primaryEmailAddressId, address.id);
  assert.equal((await clerk.emailAddresses.getEmailAddress(address.id)).emailAddress, second);
  await clerk.users.updateUser(user.id, { primaryEmailAddressID: user.primaryEmailAddressId });
  assert.equal((await clerk.emailAddresses.deleteEmailAddress(address.id)).deleted, true);
  assert.equal((await clerk.users.getUser(user.id)).emailAddresses.length, 1);
});

await step('check passwords', async () => {
  const right = { userId: user.id, password: 'a long enough secret' };
  assert.deepEqual(await clerk.users.verifyPassword(right), { verified: true });
  await refused(() => clerk.users.verifyPassword({ ...right, password: 'not this one' }), 422, 'incorrect_password');
  const bare = await clerk.users.createUser({ emailAddress: [newEmail()] });
  await refused(() => clerk.users.verifyPassword({ ...right, userId: bare.id }), 400, 'no_password_set');
  await clerk.users.deleteUser(bare.id);
});

await step('a banned user has no sessions left, and gets none', async () => {
  const banned = await clerk.users.createUser({ emailAddress: [newEmail()] });
  const theirs = await clerk.sessions.createSession({ userId: banned.id });
  assert.equal((await clerk.users.banUser(banned.id)).banned, true);
  assert.equal((await clerk.sessions.getSession(theirs.id)).status, 'revoked');
  await refused(() => clerk.sessions.getToken(theirs.id), 401, 'authentication_invalid');
  await refused(() => clerk.sessions.createSession({ userId: banned.id }), 403, 'user_banned');
  assert.equal((await clerk.users.unbanUser(banned.id)).banned, false);
  await clerk.sessions.createSession({ userId: banned.id });
});

await step('lock a user, which leaves sessions alone', async () => {
  assert.equal((await clerk.users.lockUser(user.id)).locked, true);
  assert.equal((await clerk.sessions.getSession(session.id)).status, 'active');
  assert.equal((await clerk.users.unlockUser(user.id)).locked, false);
});

await step('a new password can end every session', async () => {
  const careful = await clerk.users.createUser({ emailAddress: [newEmail()], password: 'the first secret' });
  const theirs = await clerk.sessions.createSession({ userId: careful.id });
  await clerk.users.updateUser(careful.id, { password: 'the second secret', signOutOfOtherSessions: true });
  assert.equal((await clerk.sessions.getSession(theirs.id)).status, 'revoked');
});

await step('sign-in tokens', async () => {
  const ticket = await clerk.signInTokens.createSignInToken({ userId: user.id, expiresInSeconds: 60 });
  assert.deepEqual([ticket.userId, ticket.status], [user.id, 'pending']);
  assert.equal(ticket.token.split('.').length, 3);
  assert.equal((await clerk.signInTokens.revokeSignInToken(ticket.id)).status, 'revoked');
  await refused(() => clerk.signInTokens.revokeSignInToken(ticket.id), 400, 'sign_in_token_cannot_be_revoked_code');
  await refused(() => clerk.signInTokens.createSignInToken({ userId: nobody('user') }), 404, 'resource_not_found');
});

await step('actor tokens', async () => {
  const ticket = await clerk.actorTokens.create({ userId: user.id, actor: { sub: 'user_admin' }, expiresInSeconds: 60 });
  assert.match(ticket.id, /^act_/);
  assert.deepEqual([ticket.userId, ticket.status, ticket.actor], [user.id, 'pending', { sub: 'user_admin' }]);
  assert.equal((await clerk.actorTokens.revoke(ticket.id)).status, 'revoked');
  await refused(() => clerk.actorTokens.revoke(ticket.id), 400, 'actor_token_cannot_be_revoked_code');
});

await step('testing tokens', async () => {
  const ticket = await clerk.testingTokens.createTestingToken();
  assert.equal(ticket.object, 'testing_token');
  assert.match(ticket.token, /^\d+-c_/);
  const expiresAt = ticket.expiresAt ?? ticket.expires_at;
  assert.ok(Math.abs(expiresAt - Date.now() / 1000 - 3600) < 600, `${expiresAt} is in seconds, an hour from now`);
});

await step('the instance', async () => {
  const instance = await clerk.instance.get();
  assert.equal(instance.id, server.instanceId);
  assert.equal(instance.environmentType, 'development');
  assert.equal(await clerk.instance.update({ allowedOrigins: ['http://localhost:3000'] }), undefined);
  assert.deepEqual((await clerk.instance.get()).allowedOrigins, ['http://localhost:3000']);
});

await step('the key set', async () => {
  const { keys } = await clerk.jwks.getJwks();
  const key = keys.find((k) => k.kid === headerOf(jwt).kid);
  assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
  assert.deepEqual([key.alg, key.kty, key.use, key.e], ['RS256', 'RSA', 'sig', 'AQAB']);
});

await step('refresh says why it will not', async () => {
  const params = { expired_token: jwt, refresh_token: 'none', request_origin: 'http://localhost:3000' };
  const refresh = (change) => () => clerk.sessions.refreshSession(session.id, { ...params, ...change });
  await refused(refresh({ expired_token: 'not.a.token' }), 401, 'expired_session_token_invalid');
  await refused(refresh({}), 401, 'expired_session_token_missing_azp');
});

await step('after a revoke no token is minted', async () => {
  const revoked = await clerk.sessions.revokeSession(session.id);
  assert.equal(revoked.status, 'revoked');
  await refused(() => clerk.sessions.getToken(session.id), 401, 'authentication_invalid');
  await refused(() => clerk.sessions.getToken(session.id, template), 401, 'authentication_invalid');
  assert.equal((await clerk.sessions.getSession(session.id)).status, 'revoked');
  assert.deepEqual(await clerk.sessions.revokeSession(session.id), revoked);
  // What is out stays valid until it expires: verification asks nobody.
  await verifyToken(jwt, { jwtKey: server.jwtKey });
});

await step('documented errors arrive as the SDK shows them', async () => {
  const unknown = nobody('sess');
  await refused(() => clerk.sessions.getSession(unknown), 404, 'resource_not_found');
  await refused(() => clerk.sessions.getSession('whatever/this is'), 404, 'resource_not_found');
  await refused(() => clerk.sessions.revokeSession(unknown), 404, 'resource_not_found');
  await refused(() => clerk.sessions.getToken(unknown), 404, 'resource_not_found');
  await refused(() => clerk.sessions.getToken(unknown, 'no-such-template'), 404, 'resource_not_found');
  await refused(() => clerk.sessions.createSession({}), 422, 'form_param_missing', 'user_id');
  await refused(() => clerk.sessions.createSession({ userId: nobody('user') }), 404, 'resource_not_found');
  await refused(() => clerk.sessions.getSessionList({ status: 'asleep' }), 422, 'form_param_value_invalid', 'status');
  await refused(() => clerk.sessions.getSessionList({ limit: 501 }), 422, 'form_param_value_too_large', 'limit');
  await refused(() => clerk.clients.getClient(nobody('client')), 404, 'resource_not_found');
  const fresh = await clerk.sessions.createSession({ userId: user.id });
  await refused(() => clerk.sessions.getToken(fresh.id, 'no-such-template'), 404, 'resource_not_found');

  const error = await clerk.sessions.getSession(unknown).catch((e) => e);
  assert.equal(isClerkAPIResponseError(error), true);
});

await step('what is not built is a 404 in the envelope', async () => {
  await refused(() => clerk.organizations.createOrganization({ name: 'Acme' }), 404, 'resource_not_found');
});

await step('a wrong secret key', async () => {
  await refused(() => stranger.sessions.getSession(session.id), 401, 'clerk_key_invalid');
  await assert.rejects(verifyToken(jwt, { secretKey: wrongKey, apiUrl: server.backendUrl }),
    { reason: 'secret-key-invalid' });
});

await step('a deleted user takes sessions along', async () => {
  const last = await clerk.sessions.createSession({ userId: user.id });
  await clerk.users.deleteUser(user.id);
  await refused(() => clerk.sessions.getToken(last.id), 404, 'resource_not_found');
});
