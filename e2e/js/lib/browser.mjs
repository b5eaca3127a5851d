// A browser, as far as handshakes need one: it keeps the cookies of one host, whatever the port, and follows redirects
// between an app and the Frontend API. The app's server is the official SDK.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { server } from './world.mjs';

export const origin = 'http://localhost:3000';
export const live = server.publishableKey.startsWith('pk_live_');
export const devBrowsers = server.frontendUrl.endsWith('.clerk.accounts.dev');
export const suffix = createHash('sha1').update(server.publishableKey).digest('base64url').slice(0, 8);

export class Browser {
  cookies = new Map();

  // app is a client of the SDK; options go to its authenticateRequest.
  constructor(app, options = {}) {
    this.app = app;
    this.options = { publishableKey: server.publishableKey, proxyUrl: server.proxyUrl, ...options };
  }

  get cookieHeader() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  keep(setCookies) {
    for (const line of setCookies) {
      const [pair, ...attributes] = line.split('; ');
      const at = pair.indexOf('=');
      assert.ok(!/secure|samesite=none|domain=/i.test(attributes.join(';')), `a browser on http://localhost refuses ${line}`);
      const gone = attributes.some((a) => a === 'Max-Age=0' || (/^expires=/i.test(a) && new Date(a.slice(8)) < new Date()));
      if (gone) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }

  has(name) {
    return this.cookies.has(`${name}_${suffix}`) || this.cookies.has(name);
  }

  drop(name) {
    this.cookies.delete(name);
    this.cookies.delete(`${name}_${suffix}`);
  }

  put(name, value) {
    this.cookies.set(name, value);
    this.cookies.set(`${name}_${suffix}`, value);
  }

  // request asks the app once. What its server answers is kept.
  async request(url, { dest = 'document', ...options } = {}) {
    const headers = { cookie: this.cookieHeader, 'sec-fetch-dest': dest, accept: dest === 'document' ? 'text/html' : '*/*' };
    const state = await this.app.authenticateRequest(new Request(url, { headers }), { ...this.options, ...options });
    this.keep(state.headers.getSetCookie());
    return state;
  }

  // visit goes to a page of the app and wherever it is sent. It answers what the app's server made of it in the end, and
  // the reasons for which it was sent to a handshake.
  async visit(path = '/', { format = 'nonce', first = {} } = {}) {
    const handshakes = [];
    let url = origin + path;
    this.cookies.delete('__clerk_redirect_count'); // it lives for two seconds, and people are slower
    for (let hop = 0; hop < 10; hop++) {
      const state = await this.request(url, hop === 0 ? first : {});
      const location = state.headers.get('location');
      if (!location) return { state, auth: state.toAuth(), handshakes, url };
      url = location;
      if (new URL(location).host !== new URL(server.proxyUrl).host) continue;
      handshakes.push(new URL(location).searchParams.get('__clerk_hs_reason') ?? 'unknown');
      const answer = await this.shake(location, format);
      assert.equal(answer.status, 307, await answer.text());
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      this.keep(answer.headers.getSetCookie());
      url = answer.headers.get('location');
      assert.equal(new URL(url).origin, origin);
      if (live) assert.ok(!url.includes('handshake'), `the carrier is in the URL: ${url}`);
    }
    assert.fail(`sent about without end: ${handshakes}`);
  }

  // shake follows a redirect to the handshake.
  async shake(location, format) {
    const url = new URL(location);
    url.protocol = 'http:'; // 1.x says https whatever the proxy's URL says
    url.searchParams.set('format', format);
    return fetch(url, { redirect: 'manual', headers: { cookie: this.cookieHeader, 'user-agent': 'Mozilla/5.0' } });
  }

  // frontend is a request of the app's page to the Frontend API.
  async frontend(path, form) {
    const url = new URL(server.proxyUrl + path);
    if (devBrowsers) {
      if (!this.has('__clerk_db_jwt')) this.put('__clerk_db_jwt', (await (await this.post('/v1/dev_browser')).json()).id);
      url.searchParams.set('__clerk_db_jwt', this.cookies.get('__clerk_db_jwt'));
    }
    const answer = await this.post(url.pathname + url.search, form);
    const body = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(body));
    return body;
  }

  async post(path, form = {}) {
    const answer = await fetch(server.proxyUrl + path, {
      method: 'POST', body: new URLSearchParams(form), headers: { origin, cookie: this.cookieHeader },
    });
    this.keep(answer.headers.getSetCookie());
    return answer;
  }

  // signIn redeems a ticket as a page does, and keeps the time of it where browsers without our cookies do so themselves.
  async signIn(ticket) {
    const { response, client } = await this.frontend('/v1/client/sign_ins', { strategy: 'ticket', ticket });
    assert.equal(response.status, 'complete');
    if (devBrowsers) this.put('__client_uat', String(Math.floor(client.updated_at / 1000)));
    assert.notEqual(this.cookies.get('__client_uat') ?? '0', '0');
    return response.created_session_id;
  }
}
