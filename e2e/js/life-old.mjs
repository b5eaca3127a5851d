// The same life through @clerk/backend 1.x, whose client still verifies sessions over the network.
import assert from 'node:assert/strict';
import { createClerkClient, verifyToken } from 'clerk-backend-old';
import {
  assertSessionClaims, newEmail, nobody, options, refused, requestWith, server, step, unique, wrongKey,
} from './lib/world.mjs';

const clerk = createClerkClient(options);
const email = newEmail();
let user, session, jwt;

await step('create a user and a session', async () => {
  user = await clerk.users.createUser({ emailAddress: [email], firstName: 'Maria' });
  session = await clerk.sessions.createSession({ userId: user.id });
  assert.equal(session.status, 'active');
  assert.equal(session.userId, user.id);
});

await step('get and list sessions', async () => {
  assert.equal((await clerk.sessions.getSession(session.id)).id, session.id);
  const { data, totalCount } = await clerk.sessions.getSessionList({ userId: user.id, status: 'active' });
  assert.equal(totalCount, 1);
  assert.deepEqual(data.map((s) => s.id), [session.id]);
});

await step('mint a token and verify it, with and without the network', async () => {
  jwt = (await clerk.sessions.getToken(session.id, '')).jwt;
  assertSessionClaims(await verifyToken(jwt, { jwtKey: server.jwtKey }), session);
  assertSessionClaims(await verifyToken(jwt, { secretKey: server.secretKey, apiUrl: server.backendUrl }), session);
});

await step('verify a session with its token', async () => {
  const verified = await clerk.sessions.verifySession(session.id, jwt);
  assert.equal(verified.id, session.id);
  assert.equal(verified.status, 'active');
});

await step('refuse a token that is not the session\'s', async () => {
  const other = await clerk.sessions.createSession({ userId: user.id });
  const { jwt: foreign } = await clerk.sessions.getToken(other.id, '');
  await refused(() => clerk.sessions.verifySession(session.id, foreign), 400, 'invalid_session_token');
  await refused(() => clerk.sessions.verifySession(session.id, 'not a token'), 400, 'invalid_session_token');
  await refused(() => clerk.sessions.verifySession(session.id, jwt.slice(0, -8) + 'AAAAAAAA'),
    400, 'invalid_session_token');
  await refused(() => clerk.sessions.verifySession(nobody('sess'), jwt), 404, 'resource_not_found');
});

await step('mint a token from a template', async () => {
  const name = unique('template');
  await clerk.jwtTemplates.create({ name, claims: { email: '{{user.primary_email_address}}' } });
  const { jwt: custom } = await clerk.sessions.getToken(session.id, name);
  const claims = await verifyToken(custom, { jwtKey: server.jwtKey });
  assert.equal(claims.email, email);
  assert.equal(claims.sid, undefined);
  await refused(() => clerk.sessions.verifySession(session.id, custom), 400, 'invalid_session_token');
  await refused(() => clerk.sessions.getToken(session.id, 'no-such-template'), 404, 'resource_not_found');
});

await step('authenticate a request that carries the token', async () => {
  const state = await clerk.authenticateRequest(requestWith(jwt), { jwtKey: server.jwtKey });
  assert.equal(state.isSignedIn, true, state.message);
  assert.equal(state.toAuth().sessionId, session.id);
});

await step('manage users', async () => {
  assert.equal(await clerk.users.getCount({ emailAddress: [email] }), 1);
  assert.equal((await clerk.users.getUserList({ userId: [user.id] })).data[0].id, user.id);
  assert.equal((await clerk.users.updateUser(user.id, { publicMetadata: { role: 'a' } })).publicMetadata.role, 'a');
  const merged = await clerk.users.updateUserMetadata(user.id, { publicMetadata: { level: 3 } });
  assert.deepEqual(merged.publicMetadata, { role: 'a', level: 3 });
  assert.equal((await clerk.clients.getClient(session.clientId)).sessions[0].id, session.id);
});

await step('after a revoke nothing is minted or verified', async () => {
  assert.equal((await clerk.sessions.revokeSession(session.id)).status, 'revoked');
  await refused(() => clerk.sessions.getToken(session.id, ''), 401, 'authentication_invalid');
  await refused(() => clerk.sessions.verifySession(session.id, jwt), 401, 'authentication_invalid');
});

await step('documented errors', async () => {
  await refused(() => clerk.sessions.getSession(nobody('sess')), 404, 'resource_not_found');
  await refused(() => clerk.sessions.createSession({}), 422, 'form_param_missing', 'user_id');
  await refused(() => clerk.sessions.createSession({ userId: nobody('user') }), 404, 'resource_not_found');
  const stranger = createClerkClient({ ...options, secretKey: wrongKey });
  await refused(() => stranger.users.getUser(user.id), 401, 'clerk_key_invalid');
});
