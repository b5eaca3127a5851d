// What signed-in people change about themselves.
import assert from 'node:assert/strict';
import { call } from '../lib/browser.mjs';
import { backend, password, v6 } from '../lib/world.mjs';

export default {
  'a user is read again, and changes': async ({ open }) => {
    const v = await open();
    const page = await v.page();
    const person = await v.signUp(page);
    v.traffic.take();
    await backend('PATCH', `/users/${person.user}`, { first_name: 'Maria' });
    await call(page, (c) => c.user.reload());
    v.sent('GET /me');
    assert.equal(await call(page, (c) => c.user.firstName), 'Maria');
    await call(page, (c) => c.user.update({ lastName: 'Doe', unsafeMetadata: { a: 1 } }));
    v.sent('PATCH /me', ...(v6 ? ['PATCH /me/metadata'] : []));
    assert.deepEqual(await call(page, (c) => [c.user.fullName, c.user.unsafeMetadata]), ['Maria Doe', { a: 1 }]);
    await call(page, (c, [currentPassword, newPassword]) => c.user.updatePassword({ currentPassword, newPassword }), [password, password + '!']);
    v.sent('POST /me/change_password');
  },
};
