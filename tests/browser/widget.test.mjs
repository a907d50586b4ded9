// The widget on pages of other origins: what customers do with it, and what attackers can't.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  api,
  chatOn,
  contactOf,
  openPage,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

const ANN = { user_id: 'ann-1', name: 'Ann', email: 'ann@example.com' };
const BOB = { user_id: 'bob-2', name: 'Bob' };
let env, shop;

before(async () => {
  env = await startEnvironment();
  const { base, demo } = env;
  const snippetFor = (user) => snippet(base, demo, user);
  const { organization, appId } = demo;
  shop = await site({
    '/visitor': snippetFor({}),
    '/ann': snippetFor(ANN),
    '/bob': snippetFor(BOB),
    '/hashed': snippetFor({ user_id: 'hashed', name: 'Hash', security_hash: 'right' }),
    '/unhashed': snippetFor({ user_id: 'hashed' }),
    '/wrong': snippetFor({ ...ANN, email: 'no address' }),
    '/broken': `<script>window.HelpCrunch = function(){ HelpCrunch.q.push(arguments) }; HelpCrunch.q = [];
      HelpCrunch('init', '${organization}', {}); HelpCrunch('openTheChat'); HelpCrunch(); window.after = true;</script><script src="${base}/widget.js"></script>`,
    '/newer': `<script>window.helpcrunchSettings = { organization: '${organization}', appId: '${appId}', user: ${JSON.stringify(ANN)} };</script>
      <script async src="${base}/widget.js"></script>`,
    '/twice': snippetFor({ user_id: 'once' }) + `<script async src="${base}/widget.js"></script>`,
  });
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

async function visit(device, path, ...scripts) {
  const page = await openPage(device, 'about:blank');
  for (const script of scripts) await page.addInitScript(script);
  await page.goto(shop.base + path);
  return page;
}

test('the snippet works on a page of another origin, with two globals and no cookie', async () => {
  const device = await env.device();
  const page = await visit(device, '/ann', 'window.names = Object.keys(window)');
  const chat = await chatOn(page);
  await chat.say('from a shop');
  await chat.thread('from a shop');
  const made = await page.evaluate(() =>
    Object.keys(window).filter((name) => !window.names.includes(name) && !['names'].includes(name)),
  );
  assert.deepEqual(made.sort(), ['HelpCrunch', 'Onethread']);
  assert.deepEqual(await device.cookies(), []);
  assert.equal(await page.evaluate(() => window.HelpCrunch === window.Onethread), true);
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('the newer form of the snippet opens the same thread', async () => {
  const device = await env.device();
  const page = await visit(device, '/newer');
  const chat = await chatOn(page);
  await chat.say('by appId');
  await waitUntil('it', async () =>
    (await chat.chat.locator('#thread .text').allTextContents()).includes('by appId'),
  );
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('a mistake in the snippet causes a warning and breaks nothing', async () => {
  const device = await env.device();
  const broken = await visit(device, '/broken');
  await waitUntil(
    'warnings',
    () => broken.warnings.length >= 3,
    () => broken.warnings,
  );
  assert.match(
    broken.warnings.join('\n'),
    /'init' needs applicationId[\s\S]*'openTheChat' isn't one of[\s\S]*'undefined' isn't one of/,
  );
  assert.equal(await broken.evaluate(() => window.after), true);
  const wrong = await visit(device, '/wrong');
  await chatOn(wrong);
  await waitUntil(
    'the warning',
    () => wrong.warnings.some((line) => line.includes('/user/email')),
    () => wrong.warnings,
  );
  const twice = await visit(device, '/twice');
  await chatOn(twice);
  assert.equal(await twice.locator('onethread-widget').count(), 1);
  assert.deepEqual(twice.warnings, []);
  for (const page of [broken, wrong, twice]) assert.deepEqual(page.errors, []);
  await device.close();
});

test('a rejected proof shows an empty chat and notifies the page, without data of the user', async () => {
  const [mine, theirs] = [await env.device(), await env.device()];
  const owner = await chatOn(await visit(mine, '/hashed'));
  await owner.say('private');
  await owner.thread('private');
  const page = await visit(
    theirs,
    '/unhashed',
    'window.refused = 0; addEventListener("load", () => window.HelpCrunch?.("onIdentityRefused", () => window.refused++))',
  );
  const chat = await chatOn(page);
  await waitUntil('the event', () => page.evaluate(() => window.refused === 1));
  await chat.thread();
  assert.doesNotMatch(await chat.chat.locator('body').innerText(), /private|Hash|refused|403/);
  assert.deepEqual(page.errors, []);
  await mine.close();
  await theirs.close();
});

test('another user clears the view at once; logout starts a new visitor', async () => {
  const device = await env.device();
  const page = await visit(device, '/bob');
  const chat = await chatOn(page);
  await chat.say('I am Bob');
  await chat.thread('I am Bob');
  await page.evaluate(() => window.HelpCrunch('userAuth', { user_id: 'carol-3', name: 'Carol' }));
  await chat.thread();
  await waitUntil('Carol', async () => /Carol/.test(await chat.chat.locator('#who').innerText()));
  await page.evaluate(() => window.HelpCrunch('logout'));
  await chat.chat.locator('#form').waitFor();
  assert.equal(await chat.chat.locator('#who').innerText(), 'Hi there');
  await page.reload();
  const again = await chatOn(page);
  await again.thread('I am Bob');
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('a visitor who logs in keeps the thread, whether the user already has one or not', async () => {
  const [old, device] = [await env.device(), await env.device()];
  const before = await visit(old, '/visitor');
  await before.locator('onethread-widget button').waitFor();
  await before.evaluate(() => window.HelpCrunch('userAuth', { user_id: 'dana-4', name: 'Dana' }));
  const earlier = await chatOn(before);
  await earlier.say('on the old phone');
  await earlier.thread('on the old phone');
  for (const [user, ...thread] of [
    ['dana-4', 'on the old phone', 'The messages of an earlier chat follow.', 'as a visitor'],
    ['emil-5', 'as a visitor'],
  ]) {
    const page = await visit(device, '/visitor');
    const chat = await chatOn(page);
    await chat.fillForm({ name: 'Somebody', email: 'somebody@example.com' });
    await chat.say('as a visitor');
    await chat.thread('as a visitor');
    await page.evaluate((user_id) => window.HelpCrunch('userAuth', { user_id }), user);
    await chat.thread(...thread);
    assert.deepEqual(page.errors, []);
    await page.evaluate(() => window.HelpCrunch('logout'));
    await chat.chat.locator('#form').waitFor();
    await page.close();
  }
  await old.close();
  await device.close();
});

test('a message that is written offline waits, and is sent once', async () => {
  const device = await env.device();
  const page = await visit(device, '/ann');
  const chat = await chatOn(page);
  await chat.chat.locator('#composer').waitFor();
  const before = await chat.chat.locator('#thread .text').count();
  await device.setOffline(true);
  await chat.say('written offline');
  await chat.chat.locator('#pending .text', { hasText: 'written offline' }).waitFor();
  await device.setOffline(false);
  await waitUntil(
    'it stored',
    async () => (await chat.chat.locator('#thread .text').count()) === before + 1,
  );
  assert.equal(await chat.chat.locator('#pending li').count(), 0);
  assert.equal(
    (await chat.chat.locator('#thread .text').allTextContents()).filter(
      (text) => text === 'written offline',
    ).length,
    1,
  );
  await device.close();
});

test('a reply to a closed chat is on the badge and an event, and read once the chat is open', async () => {
  const device = await env.device();
  const page = await visit(
    device,
    '/bob',
    'window.news = []; addEventListener("load", () => window.HelpCrunch?.("onNewUnreadChat", (chat) => window.news.push(chat)))',
  );
  const button = page.locator('onethread-widget button');
  await button.waitFor();
  const { items } = await api(env.base, env.demo, 'GET', '/conversations?status=all');
  const { id } = items.find(({ contact }) => contact.userId === BOB.user_id);
  await api(env.base, env.demo, 'POST', `/conversations/${id}/messages`, {
    clientMessageId: crypto.randomUUID(),
    text: 'are you there?',
  });
  await waitUntil(
    'the badge',
    async () => (await button.getAttribute('aria-label')) === 'Open chat, 1 unread',
  );
  await waitUntil('the event', () =>
    page.evaluate(() => window.news.length === 1 && window.news[0].text === 'are you there?'),
  );
  const chat = await chatOn(page);
  await chat.chat.locator('#thread .text', { hasText: 'are you there?' }).waitFor();
  await chat.chat.locator('#close').click();
  await waitUntil(
    'nothing unread',
    async () => (await button.getAttribute('aria-label')) === 'Open chat',
  );
  await waitUntil('the mark', async () => {
    const two = await visit(device, '/bob');
    const label = await two.locator('onethread-widget button').getAttribute('aria-label');
    await two.close();
    return label === 'Open chat';
  });
  await device.close();
});

test('all tabs of a user share one stream, and another tab takes over when the reading one closes', async () => {
  const device = await env.device();
  // While a device is new its tabs may start again with a common device token.
  const first = await visit(device, '/ann');
  await first.locator('onethread-widget button').waitFor();
  await first.close();
  let streams = 0;
  device.on('request', (request) => request.url().endsWith('/widget/v1/events') && streams++);
  const pages = [];
  for (let n = 0; n < 4; n++) {
    pages.push(await visit(device, '/ann'));
    await pages[n].locator('onethread-widget button').waitFor();
  }
  const chats = [];
  for (const page of pages) chats.push(await chatOn(page));
  await chats[3].say('to all tabs');
  for (const { chat } of chats)
    await chat.locator('#thread .text', { hasText: 'to all tabs' }).waitFor();
  assert.equal(streams, 1);
  await pages[0].close();
  await waitUntil(
    'a second stream',
    () => streams === 2,
    () => streams,
  );
  await chats[1].say('after the first went');
  for (const { chat } of chats.slice(1))
    await chat.locator('#thread .text', { hasText: 'after the first went' }).waitFor();
  await device.close();
});

test('the page and the frame ignore messages of others', async () => {
  const device = await env.device();
  const page = await visit(device, '/ann');
  const chat = await chatOn(page);
  await chat.chat.locator('#composer').waitFor();
  // The page imitates the frame, and another window imitates the page.
  await page.evaluate(() =>
    window.postMessage({ onethread: 'device', deviceToken: 'forged' }, '*'),
  );
  await page.evaluate(() => {
    const other = document.createElement('iframe');
    other.srcdoc =
      '<script>parent.frames[0]?.postMessage({onethread:"logout"},"*"); for (const one of Array.from({length: parent.length}, (_, n) => parent[n])) one.postMessage({onethread:"say",text:"forged"},"*")</script>';
    document.body.append(other);
    return new Promise((done) => (other.onload = () => setTimeout(done, 200)));
  });
  await chat.say('mine');
  await chat.chat.locator('#thread .text', { hasText: 'mine' }).waitFor();
  assert.ok(!(await chat.chat.locator('#thread .text').allTextContents()).includes('forged'));
  assert.ok(await page.evaluate(() => !Object.values(localStorage).includes('forged')));
  assert.ok(
    await page.evaluate(() => Object.values({ ...localStorage, ...sessionStorage }).length === 1),
    'the page keeps the device token alone',
  );
  await device.close();
});

test('the chat fills the page for apps', async () => {
  const phone = await env.device({ viewport: { width: 390, height: 700 } });
  const app = await openPage(phone, `${env.base}/widget/app?platform=ios`);
  const { organization, applicationId, applicationSecret } = env.demo;
  await app.evaluate(
    ([organization, options]) => window.HelpCrunch('init', organization, options),
    [organization, { applicationId, applicationSecret, user: ANN }],
  );
  const inside = app.frameLocator('onethread-widget iframe');
  await inside.locator('#composer').waitFor();
  const frame = await app.locator('onethread-widget iframe').boundingBox();
  assert.deepEqual([frame.x, frame.y, frame.width, frame.height], [0, 0, 390, 700]);
  // There is no close button.
  assert.equal(await inside.locator('#close').count(), 0);
  await inside.locator('#text').press('Escape');
  await inside.locator('#text').fill('from the app');
  await inside.locator('#text').press('Enter');
  await inside.locator('#thread .text', { hasText: 'from the app' }).waitFor();
  const { id } = await contactOf(env.base, env.demo, ANN.user_id);
  const { devices } = await api(env.base, env.demo, 'GET', `/contacts/${id}`);
  assert.ok(
    devices.some(({ platform }) => platform === 'ios'),
    JSON.stringify(devices),
  );
  assert.deepEqual(app.errors, []);
  await phone.close();
});
