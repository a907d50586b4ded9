// The chat in apps: the page's bridge in each kind of web view, and the React Native package, alone and with the page.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { contactOf, openPage, loginAsOwner, waitUntil, startEnvironment } from './harness.mjs';

register('./native/hooks.mjs', import.meta.url);
const { createElement, createRef } = await import('react');
const { act, create } = (await import('react-test-renderer')).default;
const { opened } = await import('./native/react-native.mjs');
const { views } = await import('./native/react-native-webview.mjs');
const native = await import('../../services/gateway/web/packages/react-native/index.js');
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

const PHONE = { viewport: { width: 390, height: 700 }, hasTouch: true, isMobile: true };
let env, asOwner;
before(async () => {
  env = await startEnvironment();
  asOwner = await loginAsOwner(env.base, env.demo);
});
after(async () => env?.stop());

const application = () => {
  const { organization, applicationId, applicationSecret } = env.demo;
  return { organization, applicationId, applicationSecret };
};

/** The page for apps in this kind of web view; `received` are the messages that the app got. */
async function appPage(device, how = 'ReactNativeWebView', onMessage = () => {}) {
  const page = await device.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  const received = [];
  await page.exposeBinding('toApp', (_, text) => {
    received.push(JSON.parse(text));
    onMessage(text);
  });
  await page.addInitScript((how) => {
    if (parent !== window) return;
    const receiver = { postMessage: (text) => window.toApp(text) };
    if (how === 'webkit') window.webkit = { messageHandlers: { onethread: receiver } };
    else window[how] = receiver;
  }, how);
  await page.goto(`${env.base}/widget/app?platform=ios`);
  const chat = page.frameLocator('onethread-widget iframe');
  const say = (message) =>
    page.evaluate((message) => window.OnethreadApp.receive(message), message);
  const of = (type) => received.filter((message) => message.type === type);
  const waitForMessage = (type, count = 1) =>
    waitUntil(
      `${type} × ${count}`,
      () => of(type).length >= count,
      () => received,
    );
  return { page, chat, say, received, of, waitForMessage };
}

const write = async (chat, text) => {
  await chat.locator('#text').fill(text);
  await chat.locator('#text').press('Enter');
};

/** A message of an agent in this user's conversation. */
async function reply(userId, text) {
  const { id } = await contactOf(env.base, env.demo, userId);
  await asOwner('POST', `/conversations/${id}/messages`, {
    clientMessageId: crypto.randomUUID(),
    text,
    kind: 'text',
  });
}

for (const how of ['ReactNativeWebView', 'webkit', 'OnethreadAndroid']) {
  test(`the page and the app exchange messages through ${how}`, async () => {
    const device = await env.device(PHONE);
    const user_id = `app-${how}`;
    const { page, chat, say, of, waitForMessage, received } = await appPage(device, how);
    await waitForMessage('loaded');
    await say(
      JSON.stringify({
        type: 'start',
        ...application(),
        user: { user_id, name: 'Ann' },
        locale: 'de',
      }),
    );
    await waitForMessage('ready');
    assert.deepEqual(of('ready'), [{ type: 'ready', mode: 'contact', name: 'Ann' }]);
    await chat.getByRole('heading', { name: 'Wie können wir helfen?' }).waitFor();
    await write(chat, 'from the app: https://example.com/page');
    await waitForMessage('message');
    assert.deepEqual(of('message'), [
      {
        type: 'message',
        author: 'customer',
        name: 'Ann',
        text: 'from the app: https://example.com/page',
      },
    ]);
    // The app decides where a link opens.
    await chat.locator('#thread a').click();
    await waitForMessage('openUrl');
    assert.deepEqual(of('openUrl'), [{ type: 'openUrl', url: 'https://example.com/page' }]);
    assert.equal(device.pages().length, 1);
    // The user closes the chat: messages stay unread until the app shows the page again.
    await chat.locator('#close').click();
    await waitForMessage('close');
    await reply(user_id, 'are you there?');
    await waitUntil(
      'it unread',
      () => of('unread').at(-1)?.count === 1,
      () => received,
    );
    await waitUntil(
      'the message',
      () => of('message').at(-1).text === 'are you there?',
      () => received,
    );
    assert.equal(of('message').at(-1).author, 'agent');
    await say({ type: 'shown', shown: true });
    await waitUntil(
      'it read',
      () => of('unread').at(-1)?.count === 0,
      () => received,
    );
    // The app closes the chat, so it gets no event.
    await say({ type: 'shown', shown: false });
    await chat.locator('#composer').waitFor({ state: 'hidden' });
    assert.equal(of('close').length, 1);
    assert.deepEqual(page.errors, []);
    await device.close();
  });
}

/** A JWT of this user, valid for a minute. */
function jwt({ keyId, key }, sub) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ alg: 'HS256', typ: 'JWT', kid: keyId });
  const body = part({ sub, aud: env.demo.organization, exp: Math.floor(Date.now() / 1000) + 60 });
  return `${head}.${body}.${createHmac('sha256', key).update(`${head}.${body}`).digest('base64url')}`;
}

test('a rejected identity continues with a fresh proof, and no second one is requested when that fails', async () => {
  const key = await asOwner('POST', '/identity-keys', {});
  await asOwner('PATCH', '/organization', { policy: 'jwt' });
  try {
    const device = await env.device(PHONE);
    const { chat, say, of, waitForMessage, page } = await appPage(device);
    await waitForMessage('loaded');
    await say({ type: 'start', ...application(), user: { user_id: 'proven', name: 'Pia' } });
    await waitForMessage('proof');
    assert.deepEqual(of('proof'), [{ type: 'proof', reason: 'refused', userId: 'proven' }]);
    assert.equal(of('identityRefused').length, 1);
    await say({ type: 'proof', user_jwt: 'no token' });
    await waitForMessage('identityRefused', 2);
    await page.waitForTimeout(300);
    assert.equal(of('proof').length, 1, 'no circle');
    // The app has a valid proof later.
    await say({ type: 'proof', user_jwt: jwt(key, 'proven') });
    await waitUntil(
      'the contact',
      () => of('ready').at(-1)?.mode === 'contact',
      () => of('ready'),
    );
    await write(chat, 'proven');
    await chat.locator('#thread .text', { hasText: 'proven' }).waitFor();
    assert.deepEqual(page.errors, []);
    await device.close();
  } finally {
    await asOwner('PATCH', '/organization', { policy: 'optional' });
  }
});

test('an ended session continues with a fresh proof', async () => {
  const device = await env.device(PHONE);
  const { chat, say, of, waitForMessage, page } = await appPage(device);
  await waitForMessage('loaded');
  await say({ type: 'start', ...application(), user: { user_id: 'ended' } });
  await write(chat, 'before');
  await chat.locator('#thread .text', { hasText: 'before' }).waitFor();
  // A security hash ends the sessions of its user that didn't send it.
  const body = JSON.stringify({
    ...application(),
    user: { user_id: 'ended', security_hash: 'right' },
  });
  const init = await fetch(`${env.base}/widget/v1/init`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  assert.equal(init.status, 200);
  await waitForMessage('sessionEnded');
  assert.deepEqual(of('proof'), [{ type: 'proof', reason: 'ended', userId: 'ended' }]);
  await say({ type: 'proof', security_hash: 'right' });
  await chat.locator('#thread .text', { hasText: 'before' }).waitFor();
  assert.equal(await chat.locator('#notice').isVisible(), false);
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('safe areas, the keyboard, and light or dark', async () => {
  const device = await env.device({ ...PHONE, colorScheme: 'dark' });
  const { page, chat, say, waitForMessage } = await appPage(device);
  await waitForMessage('loaded');
  const cdp = await device.newCDPSession(page);
  await cdp.send('Emulation.setSafeAreaInsetsOverride', {
    insets: { top: 47, bottom: 34, left: 0, right: 0 },
  });
  await say({ type: 'start', ...application(), user: { user_id: 'screen' } });
  await chat.locator('#composer').waitFor();
  const padding = (part, side) =>
    chat.locator(part).evaluate((one, side) => parseFloat(getComputedStyle(one)[side]), side);
  assert.ok((await padding('header', 'paddingTop')) >= 47, 'clear of the notch');
  assert.ok((await padding('#composer', 'paddingBottom')) >= 34, 'clear of the home indicator');
  assert.equal(await chat.locator('html').getAttribute('data-theme'), 'dark', 'as the system');
  // A keyboard makes less of the page visible without changing its layout size.
  await page.evaluate(() => {
    Object.defineProperty(visualViewport, 'height', { configurable: true, get: () => 400 });
    visualViewport.dispatchEvent(new Event('resize'));
  });
  const frame = await page.locator('onethread-widget iframe').boundingBox();
  assert.equal(frame.height, 400);
  const composer = await chat.locator('#composer').boundingBox();
  assert.ok(composer.y + composer.height <= 400, 'the composer is above the keyboard');
  assert.ok(
    (await padding('#composer', 'paddingBottom')) < 34,
    'the keyboard covers the home indicator',
  );
  await page.evaluate(() => {
    delete visualViewport.height;
    visualViewport.dispatchEvent(new Event('resize'));
  });
  assert.equal((await page.locator('onethread-widget iframe').boundingBox()).height, 700);
  const forced = await appPage(device);
  await forced.waitForMessage('loaded');
  await forced.say({
    type: 'start',
    ...application(),
    user: { user_id: 'screen' },
    theme: 'light',
  });
  await forced.chat.locator('#composer').waitFor();
  assert.equal(await forced.chat.locator('html').getAttribute('data-theme'), 'light');
  assert.deepEqual([...page.errors, ...forced.page.errors], []);
  await device.close();
});

test('outside of an app the page has no close button and sends no messages', async () => {
  const device = await env.device(PHONE);
  const page = await openPage(device, `${env.base}/widget/app`);
  await page.evaluate(
    (options) =>
      window.OnethreadApp.receive({ type: 'start', ...options, user: { user_id: 'alone' } }),
    application(),
  );
  const chat = page.frameLocator('onethread-widget iframe');
  await chat.locator('#composer').waitFor();
  assert.equal(await chat.locator('#close').count(), 0);
  assert.deepEqual(page.errors, []);
  await device.close();
});

// --- the Kotlin wrapper ---

const java = spawnSync('java', ['-version']);
test(
  'the Kotlin wrapper compiles, by the signatures of what it uses of Android',
  { skip: java.error && 'there is no Java here' },
  async () => {
    const compiler = createRequire(import.meta.url).resolve('kotlin-compiler/package.json');
    const folder = fileURLToPath(new URL('native/android/', import.meta.url));
    const wrapper = fileURLToPath(
      new URL('../../services/gateway/web/packages/android/OnethreadChatView.kt', import.meta.url),
    );
    assert.ok(readFileSync(wrapper, 'utf8').split('\n').length < 200);
    const out = mkdtempSync(join(tmpdir(), 'onethread-kotlin-'));
    const sources = readdirSync(folder).map((name) => join(folder, name));
    const ran = spawnSync(
      'bash',
      [join(dirname(compiler), 'bin/kotlinc-jvm'), '-Werror', '-d', out, wrapper, ...sources],
      { encoding: 'utf8' },
    );
    rmSync(out, { recursive: true });
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  },
);

// --- the React Native package ---

const FUNCTIONS = [
  'hcwClose',
  'hcwLogout',
  'hcwMuteNotificationSound',
  'hcwOpen',
  'hcwOpenKBArticle',
  'hcwSendUserMessage',
  'hcwSetLocalization',
  'hcwToggle',
  'hcwTrackEvent',
  'hcwTypeUserMessage',
  'hcwUpdateUser',
  'hcwUserAuth',
];

/** Mounts the widget; returns the mock of its web view and the calls of its props. */
function mount(props) {
  const received = [];
  const listeners = Object.fromEntries(
    [
      'Ready',
      'Error',
      'Message',
      'CustomerMessage',
      'AgentMessage',
      'UnreadCountChange',
      'ChatOpen',
      'ChatClose',
      'IdentityRefused',
      'SessionEnded',
    ].map((name) => [`on${name}`, (detail) => received.push([`on${name}`, detail])]),
  );
  let tree;
  const element = (more) =>
    createElement(native.HelpCrunchWidget, {
      server: env.base,
      organization: 'demo',
      appId: 'app',
      ...listeners,
      ...props,
      ...more,
    });
  act(() => void (tree = create(element())));
  const view = views.at(-1);
  return {
    view,
    received,
    tree,
    update: (more) => act(() => tree.update(element(more))),
    unmount: () => act(() => tree.unmount()),
    /** The messages that were sent to the page. */
    sent: () =>
      view.scripts.map((script) =>
        JSON.parse(JSON.parse(script.match(/receive\((".*")\); true;$/)[1])),
      ),
    hidden: () => tree.toJSON().props.style.some((one) => one?.display === 'none'),
  };
}

test('the package exports what its types declare and can be published', () => {
  const folder = new URL('../../services/gateway/web/packages/react-native/', import.meta.url);
  const types = readFileSync(new URL('index.d.ts', folder), 'utf8');
  assert.deepEqual(
    [...types.matchAll(/export function (\w+)/g)].map(([, name]) => name).sort(),
    FUNCTIONS,
  );
  assert.deepEqual(
    Object.keys(native)
      .filter((name) => name.startsWith('hcw'))
      .sort(),
    FUNCTIONS,
  );
  const {
    name,
    version,
    license,
    main,
    files,
    peerDependencies,
    private: isPrivate,
  } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
  assert.match(name, /^[a-z-]+$/);
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.equal(license, 'Apache-2.0');
  assert.equal(isPrivate, undefined);
  assert.deepEqual(Object.keys(peerDependencies), [
    'react',
    'react-native',
    'react-native-webview',
  ]);
  for (const file of [main, ...files, 'README.md'])
    assert.ok(existsSync(new URL(file, folder)), file);
});

test("the widget starts the page with the app's options, and again after the page was loaded again", () => {
  native.hcwSendUserMessage('before it was mounted');
  const { view, sent, unmount } = mount({
    appId: undefined,
    applicationId: 7,
    applicationSecret: 'secret',
    user: { user_id: '</script>\u2028' },
    locale: 'uk',
    theme: 'dark',
  });
  assert.equal(view.props.source.uri, `${env.base}/widget/app?platform=ios`);
  assert.deepEqual(view.scripts, [], 'nothing before the page listens');
  view.say({ type: 'loaded' });
  const start = {
    type: 'start',
    organization: 'demo',
    applicationId: 7,
    applicationSecret: 'secret',
    user: { user_id: '</script>\u2028' },
    locale: 'uk',
    theme: 'dark',
  };
  assert.deepEqual(sent(), [
    start,
    { type: 'call', method: 'sendUserMessage', args: ['before it was mounted'] },
  ]);
  native.hcwUserAuth({ user_id: 'next' });
  native.hcwSetLocalization('de');
  view.scripts.length = 0;
  view.say({ type: 'loaded' });
  assert.deepEqual(sent(), [{ ...start, user: { user_id: 'next' }, locale: 'de' }]);
  view.props.onContentProcessDidTerminate();
  assert.equal(view.reloads, 1);
  unmount();
});

test('the functions and the user prop become calls of the widget', () => {
  const { view, sent, update, unmount } = mount({ user: { user_id: 'one' } });
  view.say({ type: 'loaded' });
  view.scripts.length = 0;
  const called = (step) => {
    view.scripts.length = 0;
    act(step);
    return sent().map(({ type, method, args, shown }) =>
      type === 'call' ? [method, ...args] : [type, shown],
    );
  };
  assert.deepEqual(
    called(() => native.hcwUserAuth({ user_id: 'two' })),
    [['userAuth', { user_id: 'two' }]],
  );
  assert.deepEqual(
    called(() => native.hcwUpdateUser({ name: 'Two' })),
    [['updateUser', { name: 'Two' }]],
  );
  assert.deepEqual(
    called(() => native.hcwLogout()),
    [['logout']],
  );
  assert.deepEqual(
    called(() => native.hcwTrackEvent('bought', { price: 5 })),
    [['trackEvent', 'bought', { price: 5 }]],
  );
  assert.deepEqual(
    called(() => native.hcwSetLocalization('pl')),
    [['setLocalization', 'pl']],
  );
  assert.deepEqual(
    called(() => native.hcwMuteNotificationSound()),
    [['muteNotificationSound', true]],
  );
  assert.deepEqual(
    called(() => native.hcwClose()),
    [['shown', false]],
  );
  assert.deepEqual(
    called(() => native.hcwTypeUserMessage('hello')),
    [
      ['typeUserMessage', 'hello'],
      ['shown', true],
    ],
  );
  assert.deepEqual(
    called(() => update({ user: { user_id: 'three' } })),
    [['userAuth', { user_id: 'three' }]],
  );
  assert.deepEqual(
    called(() => update({ user: { user_id: 'three' } })),
    [],
    'the same user changes nothing',
  );
  assert.deepEqual(
    called(() => update({ user: undefined })),
    [['logout']],
  );
  unmount();
});

test("the page's events call the props, and other messages don't", async () => {
  let proof = () => 'a.b.c';
  const asked = [];
  const { view, received, sent, hidden, unmount } = mount({
    user: { user_id: 'one' },
    getProof: (request) => (asked.push(request), proof()),
  });
  view.say({ type: 'loaded' });
  for (const noise of [
    'not json',
    'null',
    '7',
    '{}',
    '{"type":"constructor"}',
    '{"type":"__proto__"}',
  ])
    view.say(noise);
  assert.deepEqual(received, []);
  view.say({ type: 'ready', mode: 'contact', name: 'One' });
  view.say({ type: 'unread', count: 2 });
  view.say({ type: 'message', author: 'agent', name: 'Nora', text: 'hello' });
  view.say({ type: 'message', author: 'customer', name: 'One', text: 'hi' });
  view.say({ type: 'identityRefused' });
  view.say({ type: 'sessionEnded' });
  view.say({ type: 'error', message: 'unknown application' });
  view.say({ type: 'openUrl', url: 'https://example.com/' });
  const event = (text, author_name) => ({
    detail: { message: { text, content: text, author_name } },
  });
  assert.deepEqual(received.splice(0), [
    ['onReady', { mode: 'contact', name: 'One' }],
    ['onUnreadCountChange', 2],
    ['onMessage', event('hello', 'Nora')],
    ['onAgentMessage', event('hello', 'Nora')],
    ['onMessage', event('hi', 'One')],
    ['onCustomerMessage', event('hi', 'One')],
    ['onIdentityRefused', undefined],
    ['onSessionEnded', undefined],
    ['onError', { message: 'unknown application' }],
  ]);
  assert.deepEqual(opened.splice(0), ['https://example.com/']);
  act(() => view.say({ type: 'close' }));
  assert.equal(hidden(), true);
  act(() => native.hcwToggle());
  assert.equal(hidden(), false);
  // A proof as text, as an object, none, and one that fails.
  view.scripts.length = 0;
  for (const next of [
    () => 'a.b.c',
    async () => ({ user_hash: 'abc' }),
    () => null,
    () => Promise.reject(new Error('no network')),
  ]) {
    proof = next;
    view.say({ type: 'proof', reason: 'refused', userId: 'one' });
    await new Promise(setImmediate);
  }
  assert.deepEqual(asked[0], { reason: 'refused', userId: 'one' });
  assert.deepEqual(sent(), [
    { type: 'proof', user_jwt: 'a.b.c' },
    { type: 'proof', user_hash: 'abc' },
  ]);
  assert.match(received.at(-1)[1].message, /no network/);
  // Only the chat's own addresses load in the web view.
  const loads = view.props.onShouldStartLoadWithRequest;
  assert.equal(loads({ url: view.props.source.uri, isTopFrame: true }), true);
  assert.equal(loads({ url: `${env.base}/widget/frame?x`, isTopFrame: false }), true);
  assert.equal(loads({ url: 'https://example.com/elsewhere', isTopFrame: true }), false);
  assert.deepEqual(opened.splice(0), ['https://example.com/elsewhere']);
  unmount();
});

test('the package and the real page: start, a message each way, close, another user, a proof', async () => {
  const device = await env.device(PHONE);
  const ref = createRef();
  const asked = [];
  const widget = mount({
    ...application(),
    appId: undefined,
    user: { user_id: 'native', name: 'Nat' },
    ref,
    getProof: (request) => void asked.push(request),
  });
  const { view, received, unmount } = widget;
  const forward = (text) => act(() => view.say(text));
  const { page, chat, waitForMessage } = await appPage(device, 'ReactNativeWebView', forward);
  view.run = (script) =>
    void page.evaluate(script).catch((error) => page.errors.push(String(error)));
  const happened = (name, test = () => true) =>
    waitUntil(
      name,
      () => received.some(([event, detail]) => event === name && test(detail)),
      () => received,
    );
  await waitForMessage('loaded');
  // Repeats the message from before the mock was connected to the page.
  forward({ type: 'loaded' });
  await happened('onReady', ({ mode, name }) => mode === 'contact' && name === 'Nat');
  native.hcwSendUserMessage('from the phone');
  await happened('onCustomerMessage', ({ detail }) => detail.message.text === 'from the phone');
  await chat.locator('#thread .text', { hasText: 'from the phone' }).waitFor();
  act(() => native.hcwClose());
  await chat.locator('#composer').waitFor({ state: 'hidden' });
  await reply('native', 'an answer');
  await happened('onUnreadCountChange', (count) => count === 1);
  await happened('onAgentMessage', ({ detail }) => detail.message.text === 'an answer');
  // Both events came before, so earlier ones must not count.
  received.length = 0;
  act(() => native.hcwOpen());
  await chat.locator('#thread .text', { hasText: 'an answer' }).waitFor();
  await happened('onChatOpen');
  await chat.locator('#close').click();
  await happened('onChatClose');
  assert.equal(widget.hidden(), true);
  act(() => ref.current.show(true));
  act(() => native.hcwUserAuth({ user_id: 'other', name: 'Olga' }));
  await happened('onReady', ({ name }) => name === 'Olga');
  await waitUntil('an empty thread', async () => (await chat.locator('#thread li').count()) === 0);
  act(() => native.hcwLogout());
  await chat.locator('#form').waitFor();
  assert.deepEqual(page.errors, []);
  unmount();
  await device.close();
});
