// A server-rendered app: its server, which runs @clerk/backend, sends browsers through the handshake.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { backend, world } from '../lib/world.mjs';

const { createClerkClient } = createRequire(new URL('../../js/', import.meta.url))('@clerk/backend');

const options = {
  secretKey: world.secretKey,
  publishableKey: world.publishableKey,
  proxyUrl: new URL(world.proxyUrl, world.pages).href,
  apiUrl: world.backendUrl,
  telemetry: { disabled: true },
};

/** Serves an app whose pages say who visits. */
async function serve(app) {
  const server = createServer(async (request, response) => {
    try {
      const url = `http://${request.headers.host}${request.url}`;
      const state = await app.authenticateRequest(new Request(url, { headers: new Headers(Object.entries(request.headers)) }), options);
      const location = state.headers.get('location');
      response.writeHead(location ? 307 : 200, {
        'content-type': 'text/html', 'set-cookie': state.headers.getSetCookie(), ...(location && { location }),
      });
      response.end(location ? '' : `<!doctype html><link rel="icon" href="data:,"><p id="who">${state.toAuth().userId ?? 'nobody'}</p>`);
    } catch (e) {
      response.writeHead(500).end(e.stack);
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return { origin: `http://localhost:${server.address().port}`, close: () => server.close() };
}

export default {
  'a server-rendered app finds out who visits': async ({ open }) => {
    const app = await serve(createClerkClient(options));
    try {
      await backend('PATCH', '/instance', { allowed_origins: [app.origin] });
      const v = await open();
      const library = await v.page();
      const person = await v.signUp(library);
      await library.close(); // it would put back the cookies that are taken away below
      const page = await v.context.newPage();
      const detours = [];
      page.on('request', (r) => {
        const url = new URL(r.url());
        if (url.pathname.endsWith('/v1/client/handshake')) detours.push(url.searchParams.get('__clerk_hs_reason'));
      });
      const visit = async () => {
        detours.length = 0;
        await v.context.clearCookies({ name: '__clerk_redirect_count' }); // the SDK stops at the third detour in seconds
        await page.goto(app.origin);
        assert.equal(page.url(), `${app.origin}/`, 'nothing of the detour stays in the URL');
        return [await page.locator('#who').textContent(), ...detours];
      };
      const drop = (name) => v.context.clearCookies({ name: new RegExp(`^${name}(_${world.suffix})?$`) });

      // Under a test key the SDK insists on a dev browser, which the library does not have when it relies on the cookie.
      const first = world.mode === 'test' ? ['dev-browser-missing'] : [];
      assert.deepEqual(await visit(), [person.user, ...first]);
      assert.deepEqual(await visit(), [person.user], 'cookies that fit together need no detour');
      await drop('__session');
      assert.deepEqual(await visit(), [person.user, 'client-uat-but-no-session-token']);
      assert.deepEqual(await visit(), [person.user]);
      await drop('__client_uat');
      assert.deepEqual(await visit(), [person.user, 'session-token-but-no-client-uat']);

      await drop('__session');
      detours.length = 0;
      const fetched = await page.evaluate(async () => (await fetch('/', { headers: { accept: 'text/html' } })).text());
      assert.match(fetched, /nobody/);
      assert.deepEqual(detours, [], 'what is no document is never sent on a detour');

      await backend('POST', `/sessions/${person.session}/revoke`);
      assert.deepEqual(await visit(), ['nobody', 'client-uat-but-no-session-token']);
      assert.deepEqual(await visit(), ['nobody']);
    } finally {
      app.close();
    }
  },
};
