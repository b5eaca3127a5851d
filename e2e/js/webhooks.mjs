// Webhooks, as an app that uses @clerk/backend receives them: verifyWebhook, unmodified.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { createClerkClient } from '@clerk/backend';
import { verifyWebhook } from '@clerk/backend/webhooks';
import { newEmail, options, server, step } from './lib/world.mjs';

const clerk = createClerkClient(options);
const api = async (method, path, body) => {
  const answer = await fetch(`${server.backendUrl}/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${server.secretKey}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
};

// The receiver keeps each request as the app's framework would hand it on.
const received = [];
const arrivals = new EventEmitter();
const receiver = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  received.push(new Request('http://receiver.test/', { method: 'POST', headers: incoming.headers, body: Buffer.concat(chunks) }));
  outgoing.writeHead(204).end();
  arrivals.emit('one');
});
receiver.listen(0, '127.0.0.1');
await once(receiver, 'listening');

// next waits for a webhook of a type, about anything or about one thing.
async function next(type, id) {
  for (;;) {
    const more = once(arrivals, 'one');
    for (const request of received) {
      const event = await request.clone().json();
      if (event.type === type && (!id || event.data.id === id)) return request.clone();
    }
    await more;
  }
}

let endpoint, signingSecret, user, session;

await step('make an endpoint', async () => {
  endpoint = await api('POST', '/webhook_endpoints', { url: `http://127.0.0.1:${receiver.address().port}/` });
  signingSecret = (await api('GET', `/webhook_endpoints/${endpoint.id}/secret`)).secret;
  assert.match(signingSecret, /^whsec_/);
});

await step('verify a test, which the endpoint need not want', async () => {
  const delivery = await api('POST', `/webhook_endpoints/${endpoint.id}/test`);
  const event = await verifyWebhook(await next('webhook_endpoint.test'), { signingSecret });
  assert.deepEqual(event.data, { object: 'webhook_endpoint', id: endpoint.id });
  assert.equal(delivery.event_type, event.type);
});

await step('verify user.created', async () => {
  user = await clerk.users.createUser({ emailAddress: [newEmail()], firstName: 'Maria' });
  const event = await verifyWebhook(await next('user.created'), { signingSecret });
  assert.equal(event.data.id, user.id);
  assert.equal(event.data.first_name, 'Maria');
  assert.ok(event.event_attributes.http_request.client_ip);
});

await step('verify session.created and session.revoked', async () => {
  session = await clerk.sessions.createSession({ userId: user.id });
  await clerk.sessions.revokeSession(session.id);
  for (const [type, status] of [['session.created', 'active'], ['session.revoked', 'revoked']]) {
    const event = await verifyWebhook(await next(type), { signingSecret });
    assert.equal(event.type, type);
    assert.equal(event.data.id, session.id);
    assert.equal(event.data.status, status);
    assert.equal(event.data.user.id, user.id);
  }
});

await step('show a user who is banned as the ban leaves them', async () => {
  const begun = await clerk.sessions.createSession({ userId: user.id });
  const banned = await clerk.users.banUser(user.id);
  const event = await verifyWebhook(await next('session.revoked', begun.id), { signingSecret });
  assert.equal(event.data.user.banned, true);
  assert.equal(event.data.user.updated_at, banned.updatedAt);
});

await step('while the secret rotates, both verify', async () => {
  const fresh = (await api('POST', `/webhook_endpoints/${endpoint.id}/secret/rotate`)).secret;
  assert.notEqual(fresh, signingSecret);
  await clerk.users.deleteUser(user.id);
  const request = await next('user.deleted');
  for (const secret of [signingSecret, fresh]) {
    const event = await verifyWebhook(request.clone(), { signingSecret: secret });
    assert.deepEqual(event.data, { object: 'user', id: user.id, deleted: true });
  }
});

await step('refuse what was changed on the way', async () => {
  const request = await next('session.revoked');
  const body = (await request.clone().text()).replace('revoked', 'created');
  await assert.rejects(verifyWebhook(new Request(request, { body }), { signingSecret }));
  await assert.rejects(verifyWebhook(await next('session.created'), { signingSecret: 'whsec_' + 'A'.repeat(32) }));
});

receiver.close();
receiver.closeAllConnections();
