// A Chromium, and the visitors in it: browser contexts that share nothing.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { codeFor, eventually, newEmail, password, userOf, v6, world } from './world.mjs';

// Names resolve to nothing but this machine: whatever a client would fetch elsewhere fails, and fails the run.
// Playwright says navigator.webdriver, which the client takes for a browser that is not to be trusted.
const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-blink-features=AutomationControlled',
  '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
];

export const launch = () => chromium.launch({ executablePath: world.chromium, args: flags });

const local = new Set(['localhost', '127.0.0.1', '[::1]']);
const ids = /\b(sess|sua|sia|idn|user|client)_[0-9A-Za-z]{20,}/g;

/** How a client asks for a token of a session. */
export const tokens = 'POST /client/sessions/{id}/tokens';

/** What a client sends, as "METHOD /path" with the method that it means and without ids. */
class Traffic {
  #seen = [];
  all = [];
  foreign = [];

  see(request) {
    const url = new URL(request.url());
    if (url.protocol === 'data:' || url.protocol === 'blob:') return;
    if (!local.has(url.hostname)) this.foreign.push(request.url());
    const path = url.pathname.match(/\/v1(\/.*)$/)?.[1];
    if (!path || request.isNavigationRequest() || request.resourceType() === 'image') return;
    this.#seen.push({
      line: `${url.searchParams.get('_method') ?? request.method()} ${path.replace(/\/$/, '').replace(ids, '{id}')}`,
      body: Object.fromEntries(new URLSearchParams(request.postData() ?? '')),
      query: Object.fromEntries(url.searchParams),
    });
    this.all.push(this.#seen.at(-1).line);
  }

  /** What was sent since the last take. */
  take() {
    const taken = this.#seen;
    this.#seen = [];
    return taken;
  }

  peek = () => this.#seen.map((r) => r.line);
}

/** The requests of a page load, in any order: the client sends two of them at once. */
export function loadOf(knownBrowser) {
  const dev = world.mode === 'dev browser' && !knownBrowser ? ['POST /dev_browser'] : [];
  return [...dev, world.mode === 'live' ? 'GET /environment' : 'PATCH /environment', 'GET /client'].sort();
}

export class Visitor {
  static all = [];

  static async open(browser, options = {}) {
    const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1000, height: 800 }, ...options });
    const v = new Visitor(context);
    Visitor.all.push(v);
    return v;
  }

  constructor(context) {
    this.context = context;
    this.traffic = new Traffic();
    this.problems = [];
    this.open = new Set();
    context.on('request', (r) => {
      this.open.add(r);
      this.traffic.see(r);
    });
    for (const end of ['requestfinished', 'requestfailed']) context.on(end, (r) => this.open.delete(r));
    context.on('weberror', (e) => this.problems.push(`page error: ${e.error().stack ?? e.error()}`));
  }

  /** Opens a page of the app, and waits until the client is loaded. */
  async page(path = '/', prepare) {
    const page = await this.context.newPage();
    page.setDefaultTimeout(60_000);
    await prepare?.(page);
    await page.goto(world.pages + path);
    await loaded(page);
    return page;
  }

  /** Asserts what was sent since the last look, in order; answers the requests. */
  sent(...want) {
    const got = this.traffic.take();
    assert.deepEqual(got.map((r) => r.line), want);
    return got;
  }

  /**
   * Asserts what was sent since the last look, after one of several sessions was removed: the client has then forgotten the
   * tokens of all, and asks for another when it looks, every few seconds.
   */
  sentSinceRemoval(...want) {
    assert.deepEqual(this.traffic.take().map((r) => r.line).filter((line) => line !== tokens), want);
  }

  /** Asserts that a page load has sent what it must and no more. */
  sentLoad(knownBrowser = false) {
    const got = this.traffic.take();
    assert.deepEqual(got.map((r) => r.line).sort(), loadOf(knownBrowser));
  }

  /** What there is to say when something failed. */
  tell() {
    return [`sent: ${this.traffic.all.join(', ')}`, ...[...this.open].map((r) => `unanswered: ${r.method()} ${r.url()}`)].join('\n');
  }

  async cookies() {
    const all = await this.context.cookies();
    return Object.fromEntries(all.map((c) => [c.name, c]));
  }

  /** The session tokens that the app's server would get. */
  async sessionCookies() {
    const all = await this.context.cookies(world.pages);
    return all.filter((c) => /^__session(_|$)/.test(c.name));
  }

  /** Signs a new person up through the client, and makes the session the active one. */
  async signUp(page, email = newEmail()) {
    await call(page, (c, [emailAddress, password]) => c.client.signUp.create({ emailAddress, password }), [email, password]);
    await call(page, (c) => c.client.signUp.prepareEmailAddressVerification({ strategy: 'email_code' }));
    const code = await codeFor(email);
    const session = await call(page, async (c, code) => {
      const done = await c.client.signUp.attemptEmailAddressVerification({ code });
      await c.setActive({ session: done.createdSessionId });
      return done.createdSessionId;
    }, code);
    assert.match(session, /^sess_/);
    const user = await userOf(email);
    return { email, session, user: user.id };
  }
}

/** Waits until the client of a page is loaded. */
export const loaded = (page) => page.waitForFunction(() => window.Clerk?.loaded || window.loadError)
  .then(async () => assert.equal(await page.evaluate(() => window.loadError), undefined));

/** Calls the client in a page; what it throws arrives as the code and the status of the answer. */
export async function call(page, body, arg) {
  const got = await page.evaluate(async ([source, arg]) => {
    try {
      return { value: await (0, eval)(`(${source})`)(window.Clerk, arg) };
    } catch (e) {
      const first = e.errors?.[0];
      return { failed: { status: e.status, code: first?.code, param: first?.meta?.paramName, message: String(e?.stack ?? e) } };
    }
  }, [body.toString(), arg]);
  if (got.failed) throw Object.assign(new Error(`${got.failed.status} ${got.failed.code}: ${got.failed.message}`), got.failed);
  return got.value;
}

/** Asserts that a call of the client fails with a code of the contract. */
export async function refused(status, code, page, body, arg) {
  const error = await call(page, body, arg).then(() => undefined, (e) => e);
  assert.ok(error, `${status} ${code} was expected, and it succeeded`);
  assert.deepEqual([error.status, error.code], [status, code], error.message);
  return error;
}

/**
 * Chooses a password in a component, and waits for what the form says of it: the sentence moves the button below, and
 * whoever presses at that moment misses it.
 */
export async function choosePassword(page, value) {
  await page.locator('input[name=password]').fill(value);
  await page.getByText(/password meets all/i).first().waitFor();
}

/** Presses the button that sends a form of a component. */
export const go = (page) => page.getByRole('button', { name: 'Continue', exact: true }).click();

/** Fills in and sends the first form of a SignUp component. */
export async function fillSignUp(page, email) {
  await page.locator('input[name=emailAddress]').fill(email);
  await choosePassword(page, password);
  await go(page);
  await page.getByText(email).first().waitFor();
}

/** Types a code into a component, which sends it with its last digit. */
export const typeCode = (page, code) =>
  page.locator('input[name=code], input[data-input-otp]').first().pressSequentially(code);

export const userId = (page) => page.evaluate(() => window.Clerk.user?.id ?? null);
export const sessionId = (page) => page.evaluate(() => window.Clerk.session?.id ?? null);

/** Waits until a page shows that nobody is signed in. */
export const signedOut = (page) => eventually('the page is signed out', async () => (await userId(page)) === null);

/** Ends a scenario: answers what is to be said against its visitors, and closes them. */
export function leave() {
  const visitors = Visitor.all;
  Visitor.all = [];
  return {
    requests: visitors.reduce((n, v) => n + v.traffic.all.length, 0),
    problems: visitors.flatMap((v) => [...v.problems, ...v.traffic.foreign.map((url) => `left this machine: ${url}`)]),
    closed: Promise.all(visitors.map((v) => v.context.close())),
  };
}

/** Keeps a picture of a page. */
export const picture = (page, name) => page.screenshot({ path: `${world.screenshots}/${name}.png`, animations: 'disabled' });

export { v6 };
