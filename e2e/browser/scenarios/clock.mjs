// What happens with time, by a clock in the page that the test moves.
import assert from 'node:assert/strict';
import { call, signedOut, tokens, userId } from '../lib/browser.mjs';
import { backend, eventually } from '../lib/world.mjs';

const second = 1000;
const renewals = (v) => v.traffic.peek().filter((line) => line === tokens).length;

export default {
  'an idle tab renews its token after 43 seconds': async ({ open }) => {
    const v = await open();
    const page = await v.page('/', (page) => page.clock.install());
    const person = await v.signUp(page);
    const first = await call(page, (c) => c.session.getToken());
    v.traffic.take();
    await page.clock.runFor(30 * second); // which real time is added to
    assert.deepEqual(v.traffic.peek(), [], 'nothing in the first 30 seconds');
    await page.clock.runFor(15 * second);
    await eventually('the token is renewed', () => renewals(v) > 0);
    v.sent(tokens);
    await eventually('the cookie has it', async () => (await v.sessionCookies()).every((c) => c.value !== first));
    assert.equal(await userId(page), person.user);
  },

  'a revoke is noticed within a minute': async ({ open }) => {
    const v = await open();
    const page = await v.page('/', (page) => page.clock.install());
    const person = await v.signUp(page);
    v.traffic.take();
    await backend('POST', `/sessions/${person.session}/revoke`);
    await page.clock.runFor(55 * second);
    await signedOut(page);
    await eventually('the cookies are gone', async () => (await v.sessionCookies()).length === 0);
    // The page's clock runs ahead of the answers, so it may ask for a token again before it knows.
    assert.deepEqual([...new Set(v.traffic.take().map((r) => r.line))], [tokens, 'GET /client']);
  },
};
