// Loading a page: signed out, and with whatever stands in the cookies.
import assert from 'node:assert/strict';
import { call, loaded } from '../lib/browser.mjs';
import { newEmail, password, world } from '../lib/world.mjs';

// begin shows that the visitor has a client that remembers something.
async function begin(page) {
  const id = await call(page, (c, [emailAddress, password]) => c.client.signUp.create({ emailAddress, password }).then((s) => s.id), [newEmail(), password]);
  await page.reload();
  await loaded(page);
  assert.equal(await call(page, (c) => c.client.signUp.id), id);
}

const scenarios = {
  'a page loads signed out': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    v.sentLoad();
    assert.deepEqual(await call(page, (c) => [c.user, c.session, c.status ?? 'ready', c.instanceType]),
      [null, null, 'ready', world.mode === 'live' ? 'production' : 'development']);
    assert.deepEqual(await v.sessionCookies(), []);
    await page.reload();
    await loaded(page);
    v.sentLoad(true);
  },
};

if (world.mode !== 'dev browser') {
  scenarios['a page loads with a garbage cookie'] = async ({ open }) => {
    const v = await open();
    const { hostname } = new URL(world.pages);
    const sfx = world.suffix;
    for (const name of ['__client', `__client_${sfx}`, '__session', `__session_${sfx}`]) {
      await v.context.addCookies([{ name, value: 'garbage', domain: hostname, path: '/' }]);
    }
    const page = await v.page();
    assert.equal(await call(page, (c) => c.user), null);
    await begin(page);
  };
} else {
  scenarios['a stale dev browser is replaced'] = async ({ open }) => {
    const v = await open();
    const url = world.pages;
    await v.context.addCookies(['__clerk_db_jwt', `__clerk_db_jwt_${world.suffix}`].map((name) => ({ name, url, value: 'dvb_nobody' })));
    const page = await v.page();
    const lines = v.traffic.take().map((r) => r.line);
    assert.equal(lines.filter((l) => l === 'POST /dev_browser').length >= 1, true, lines.join());
    assert.equal(lines.length <= 8, true, `it went round in circles: ${lines}`);
    await begin(page);
    const kept = await v.cookies();
    assert.match(kept.__clerk_db_jwt.value, /^dvb_(?!nobody)/);
  };
}

export default scenarios;
