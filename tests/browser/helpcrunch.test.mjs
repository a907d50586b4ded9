// HelpCrunch's JavaScript API as their customers' pages call it: what a page says of its user.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  api,
  call,
  chatOn,
  contactOf,
  openPage,
  owner,
  seen,
  site,
  snippet,
  stage,
} from './harness.mjs';

let it, shop;
before(async () => {
  it = await stage();
  const own = (user) => snippet(it.base, it.demo, user);
  shop = await site(
    {
      '/visitor': own({}),
      '/hashed': own({ user_id: 'hashed', name: 'Hash', security_hash: 'right' }),
      '/number': own({ user_id: 42, name: 'Deep' }),
    },
    { host: 'localhost' },
  );
});
after(async () => {
  await shop?.stop();
  await it?.stop();
});

const heard = (page, ...parts) =>
  seen(
    `a warning of ${parts}`,
    () => page.warnings.some((line) => parts.every((part) => line.includes(part))),
    () => page.warnings,
  );
const customData = async (userId) => (await contactOf(it.base, it.demo, userId))?.customData;

test('updateUser with a user_id logs in by the same check as userAuth', async () => {
  const [mine, theirs] = [await it.device(), await it.device()];
  const owned = await chatOn(await openPage(mine, `${shop.base}/hashed`));
  await owned.say('private');
  await owned.thread('private');
  const page = await openPage(theirs, `${shop.base}/visitor`);
  const { chat, thread, say } = await chatOn(page);
  await chat.locator('#form').waitFor();
  await page.evaluate(() => {
    window.refused = 0;
    window.HelpCrunch('onIdentityRefused', () => window.refused++);
  });
  for (const [n, proof] of [{}, { security_hash: 'wrong' }].entries()) {
    await call(page, 'updateUser', { user_id: 'hashed', ...proof });
    await seen('the refusal', () => page.evaluate((n) => window.refused === n, n + 1));
    await thread();
    assert.doesNotMatch(await chat.locator('body').innerText(), /private|Hash/);
  }
  await call(page, 'updateUser', {
    user_id: 'hashed',
    security_hash: 'right',
    company: 'Hash Ltd',
  });
  await thread('private');
  await say('from the other page');
  await thread('private', 'from the other page');
  // Without a user_id, or with the same, it changes the profile of who is there.
  await call(page, 'updateUser', { user_id: 'hashed', phone: '+49 30 555' });
  await call(page, 'updateUser', { user_id: null, custom_data: { plan: 'gold' } });
  await seen('the profile', async () => {
    const { company, phone, customData } = await contactOf(it.base, it.demo, 'hashed');
    return company === 'Hash Ltd' && phone === '+49 30 555' && customData.plan === 'gold';
  });
  await thread('private', 'from the other page');
  assert.deepEqual([page.faults, page.warnings], [[], []]);
  await mine.close();
  await theirs.close();
});

test("a logout after a rejected login brings back the visitor's own thread", async () => {
  const device = await it.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  const chat = await chatOn(page);
  await chat.fillForm({ name: 'Vera', email: 'vera@example.com' });
  await chat.say('as a visitor');
  await chat.thread('as a visitor');
  await call(page, 'userAuth', { user_id: 'hashed', security_hash: 'wrong' });
  await chat.thread();
  await call(page, 'logout');
  await chat.thread('as a visitor');
  // The same where the page doesn't wait for the answer.
  await page.route('**/widget/v1/init', (route) => setTimeout(() => route.continue(), 500));
  await page.evaluate(() => {
    window.HelpCrunch('userAuth', { user_id: 'hashed', security_hash: 'wrong' });
    window.HelpCrunch('logout');
  });
  await chat.thread();
  await chat.thread('as a visitor');
  assert.deepEqual(page.faults, []);
  await device.close();
});

test('a user_id that is a number is its decimal text, with a hint', async () => {
  const device = await it.device();
  const page = await openPage(device, `${shop.base}/number`);
  const { chat, say, thread } = await chatOn(page);
  await chat.locator('#composer').waitFor();
  await heard(page, 'user_id is a number');
  await say('of 42');
  await thread('of 42');
  assert.ok(await contactOf(it.base, it.demo, '42'));
  await call(page, 'userAuth', { user_id: 999999999999999, name: 'Long' });
  await seen(
    'the longest',
    async () => (await contactOf(it.base, it.demo, '999999999999999')) !== undefined,
  );
  await call(page, 'userAuth', { user_id: '42' });
  await thread('of 42');
  // Others are the server's to reject, and make nobody of anybody.
  for (const wrong of [
    '4.2',
    '1e15',
    '12345678901234567890',
    'NaN',
    'Infinity',
    'true',
    '{}',
    '[1]',
    '() => 1',
  ]) {
    page.warnings.length = 0;
    await page.evaluate(
      (wrong) => window.HelpCrunch('userAuth', { user_id: (0, eval)(`(${wrong})`) }),
      wrong,
    );
    await heard(page, "the chat can't start", '/user/user_id');
  }
  assert.deepEqual(page.faults, []);
  await device.close();
});

test('signature beside user_id is user_hash', async () => {
  const { base, demo } = it;
  const own = await owner(base, demo);
  const { key } = await own('POST', '/identity-keys', {});
  await own('PATCH', '/organization', { policy: 'hmac' });
  const signature = createHmac('sha256', key).update('signed').digest('hex');
  const device = await it.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  const { chat } = await chatOn(page);
  await chat.locator('#form').waitFor();
  await call(page, 'userAuth', { user_id: 'signed', name: 'Sig', signature });
  await chat.locator('#composer').waitFor();
  assert.equal((await contactOf(base, demo, 'signed')).verified, 'hmac');
  await own('PATCH', '/organization', { policy: 'optional' });
  assert.deepEqual([page.faults, page.warnings], [[], []]);
  await device.close();
});

test('what JSON can not carry erases no attribute, and is told in the console', async () => {
  const device = await it.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  await chatOn(page);
  await call(page, 'userAuth', {
    user_id: 'careful',
    name: 'Cara',
    custom_data: { age: 7, plan: 'gold', since: '2024-01-01', gone: 1, telegram: 'x' },
  });
  await seen('the attributes', async () => (await customData('careful'))?.plan === 'gold');
  await page.evaluate(() =>
    window.HelpCrunch('updateUserData', {
      age: NaN,
      plan: undefined,
      since: new Date(NaN),
      // eslint-disable-next-line no-loss-of-precision -- what a page may well say
      telegram: 1234567890123456789,
      infinite: 1 / 0,
      call: () => 1,
      exact: 9007199254740993n,
      size: 2 ** 53 - 1,
      gone: null,
      joined: new Date(0),
    }),
  );
  for (const key of ['age', 'plan', 'since', 'telegram', 'infinite', 'call'])
    await heard(page, `'${key}'`, 'left out');
  const expected = {
    age: 7,
    plan: 'gold',
    since: '2024-01-01',
    telegram: 'x',
    exact: '9007199254740993',
    size: 9007199254740991,
    joined: '1970-01-01T00:00:00.000Z',
  };
  await seen(
    'what was told',
    async () =>
      JSON.stringify(Object.entries(await customData('careful')).sort()) ===
      JSON.stringify(Object.entries(expected).sort()),
    () => customData('careful'),
  );
  // One that is called `lost` is an attribute like others.
  await call(page, 'updateUserData', { lost: 'and found' });
  await seen('it', async () => (await customData('careful')).lost === 'and found');
  assert.deepEqual(page.faults, []);
  await device.close();
});

test('a page may hand over what it observes, a proxy of its framework', async () => {
  const device = await it.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  await chatOn(page);
  await page.evaluate(() =>
    window.HelpCrunch('userAuth', new Proxy({ user_id: 'proxy', name: 'Vue' }, {})),
  );
  await seen(
    'the person',
    async () => (await contactOf(it.base, it.demo, 'proxy'))?.name === 'Vue',
  );
  await page.evaluate(() => window.HelpCrunch('trackEvent', 'seen', new Proxy({ step: 1 }, {})));
  const { id } = await contactOf(it.base, it.demo, 'proxy');
  await seen('the event', async () =>
    (await api(it.base, it.demo, 'GET', `/contacts/${id}`)).events.some(
      ({ name, data }) => name === 'seen' && data.step === 1,
    ),
  );
  assert.deepEqual([page.faults, page.warnings], [[], []]);
  await device.close();
});
