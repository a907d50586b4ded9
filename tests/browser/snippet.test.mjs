// The snippet runs again, from tag managers and frameworks: no call is lost, and no user sees another user's chat.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  api,
  call,
  chatOn,
  contactOf,
  openPage,
  waitUntil,
  site,
  snippet,
  snippetCode,
  startEnvironment,
} from './harness.mjs';

const ULLA = { user_id: 'ulla-1', name: 'Ulla Twist' };
let env, shop;
before(async () => {
  env = await startEnvironment();
  const { base, demo } = env;
  const { organization, appId } = demo;
  const newer = `window.helpcrunchSettings = { organization: '${organization}', appId: '${appId}', user: { user_id: 'newer', name: 'Nina' } };
    window.HelpCrunch = function(){ HelpCrunch.q.push(arguments) }; HelpCrunch.q = [];`;
  shop = await site(
    {
      '/ulla': snippet(base, demo, ULLA),
      '/visitor': snippet(base, demo, {}),
      '/newer': `<script>${newer}</script><script async src="${base}/widget.js"></script>`,
      '/var': `<script>var HelpCrunch = function(){ HelpCrunch.q.push(arguments) }; HelpCrunch.q = []; var Onethread = 5;</script>${snippet(base, demo, ULLA)}`,
      '/reference': `<script>window.HelpCrunch = function(){ HelpCrunch.q.push(arguments) }; HelpCrunch.q = []; window.reference = window.HelpCrunch;
        window.own = []; window.ownStub = Object.assign((...args) => window.own.push(args), { q: window.own });</script>
        ${snippet(base, demo, {})}`,
      '/early': `<script>window.HelpCrunch = function(){ HelpCrunch.q.push(arguments) }; HelpCrunch.q = [];
        HelpCrunch('showChatWidget'); HelpCrunch('userAuth', { user_id: 'early', name: 'Early' }); HelpCrunch('updateUserData', { plan: 'gold' }); HelpCrunch('sendUserMessage', 'before init');</script>
        <script src="${base}/widget.js"></script>`,
    },
    { host: 'localhost' },
  );
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

/** Runs the snippet again on a page: its code alone, or with the script. */
const again = (page, user, script = true) =>
  page.evaluate(
    ([code, source]) => {
      const stub = document.createElement('script');
      stub.text = code;
      document.body.append(stub);
      if (source)
        document.body.append(Object.assign(document.createElement('script'), { src: source }));
    },
    [snippetCode(env.demo, user), script && `${env.base}/widget.js`],
  );

/** A page that counts its `init` calls to the server. */
async function visit(device, path) {
  const page = await openPage(device, shop.base + path);
  page.inits = 0;
  page.on(
    'request',
    (request) =>
      request.url().endsWith('/widget/v1/init') && request.method() === 'POST' && page.inits++,
  );
  return page;
}

for (const script of [true, false]) {
  const how = script ? 'with its script' : 'its code alone';
  test(`the same user again changes nothing: ${how}`, async () => {
    const device = await env.device();
    const page = await visit(device, '/ulla');
    const { chat, say, thread } = await chatOn(page);
    await say(`same, ${how}`);
    await waitUntil('the message', async () =>
      (await chat.locator('#thread .text').allTextContents()).includes(`same, ${how}`),
    );
    const shown = await chat.locator('#thread .text').allTextContents();
    await chat.locator('#text').fill('half a sent');
    const before = page.inits;
    await again(page, ULLA, script);
    await again(page, ULLA, script);
    await call(page, 'trackEvent', 'afterwards');
    const { id } = await contactOf(env.base, env.demo, ULLA.user_id);
    await waitUntil('the event', async () =>
      (await api(env.base, env.demo, 'GET', `/contacts/${id}`)).events.some(
        ({ name }) => name === 'afterwards',
      ),
    );
    assert.equal(page.inits, before);
    assert.equal(await chat.locator('#text').inputValue(), 'half a sent');
    await thread(...shown);
    assert.equal(await page.locator('onethread-widget').count(), 1);
    assert.deepEqual([page.errors, page.warnings], [[], []]);
    await device.close();
  });

  test(`a snippet with another user logs in without a logout: ${how}`, async () => {
    const device = await env.device();
    const page = await visit(device, '/ulla');
    const { chat, say, thread } = await chatOn(page);
    await say(`of Ulla, ${how}`);
    await waitUntil('the message', async () =>
      (await chat.locator('#thread .text').allTextContents()).includes(`of Ulla, ${how}`),
    );
    const ulla = await chat.locator('#thread .text').allTextContents();
    const olaf = `olaf-${script}`;
    await again(page, { user_id: olaf, name: 'Olaf' }, script);
    await thread();
    await say('of Olaf');
    await thread('of Olaf');
    await again(page, {}, script);
    await chat.locator('#form').waitFor();
    await thread();
    await again(page, { user_id: olaf }, script);
    await thread('of Olaf');
    await again(page, { user_id: null }, script);
    await call(page, 'userAuth', ULLA);
    await thread(...ulla);
    await call(page, 'logout');
    await chat.locator('#form').waitFor();
    assert.deepEqual([page.errors, page.warnings], [[], []]);
    await device.close();
  });
}

test('the snippet runs twice without a user and then the page names the same user: no logout', async () => {
  const device = await env.device();
  const page = await visit(device, '/ulla');
  const { chat } = await chatOn(page);
  await chat.locator('#text').fill('half a sent');
  const before = page.inits;
  await page.evaluate(
    ([code, user]) => {
      for (let time = 0; time < 2; time++)
        document.body.append(Object.assign(document.createElement('script'), { text: code }));
      window.HelpCrunch('userAuth', user);
    },
    [snippetCode(env.demo, {}), ULLA],
  );
  // A logout would come 100 ms after the snippet.
  await page.waitForTimeout(500);
  assert.equal(page.inits, before);
  assert.equal(await chat.locator('#text').inputValue(), 'half a sent');
  assert.deepEqual([page.errors, page.warnings], [[], []]);
  await device.close();
});

test('a logout after the snippet ran again has its effect', async () => {
  const device = await env.device();
  const page = await visit(device, '/ulla');
  const { chat } = await chatOn(page);
  await chat.locator('#composer').waitFor();
  await page.evaluate(() => delete window.HelpCrunch);
  await again(page, ULLA);
  await call(page, 'logout');
  await chat.locator('#form').waitFor();
  await page.evaluate(() => {
    delete window.HelpCrunch;
    delete window.Onethread;
  });
  await again(page, ULLA, false);
  await chat.locator('#composer').waitFor();
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('the newer form of the snippet runs again with another user', async () => {
  const device = await env.device();
  const page = await visit(device, '/newer');
  const { chat, say, thread } = await chatOn(page);
  await say('of Nina');
  await thread('of Nina');
  await page.evaluate(() => {
    window.helpcrunchSettings = {
      ...window.helpcrunchSettings,
      user: { user_id: 'newest', name: 'Noel' },
    };
    window.HelpCrunch = function () {
      window.HelpCrunch.q.push(arguments);
    };
    window.HelpCrunch.q = [];
  });
  await thread();
  await chat.locator('#composer').waitFor();
  await call(page, 'logout');
  await chat.locator('#form').waitFor();
  assert.deepEqual([page.errors, page.warnings], [[], []]);
  await device.close();
});

test('calls work on a page that declared the global with var, or holds a reference to the stub', async () => {
  const device = await env.device();
  const page = await visit(device, '/var');
  const { chat } = await chatOn(page);
  await chat.locator('#composer').waitFor();
  await again(page, { user_id: 'declared', name: 'Dora' });
  await call(page, 'updateUserData', { declared: true });
  await waitUntil(
    'Dora',
    async () => (await contactOf(env.base, env.demo, 'declared'))?.customData.declared === true,
  );
  await call(page, 'logout');
  await chat.locator('#form').waitFor();
  assert.deepEqual(page.errors, []);

  const other = await visit(device, '/reference');
  const referenced = (await chatOn(other)).chat;
  await referenced.locator('#form').waitFor();
  await other.evaluate(() => window.reference('userAuth', { user_id: 'reference', name: 'Kay' }));
  await referenced.locator('#composer').waitFor();
  await other.evaluate(() => window.reference('logout'));
  await referenced.locator('#form').waitFor();
  await other.evaluate(() => {
    window.HelpCrunch = window.ownStub;
    window.ownStub('userAuth', { user_id: 'reference' });
  });
  await referenced.locator('#composer').waitFor();
  assert.deepEqual(other.errors, []);
  await device.close();
});

test('calls before init wait for it', async () => {
  const { organization, applicationId, applicationSecret } = env.demo;
  const device = await env.device();
  const page = await visit(device, '/early');
  await call(page, 'trackEvent', 'early bird');
  await call(page, 'init', organization, { applicationId, applicationSecret, user: {} });
  const { thread } = await chatOn(page);
  await thread('before init');
  const contact = () => contactOf(env.base, env.demo, 'early');
  await waitUntil(
    'the attribute',
    async () => (await contact())?.customData.plan === 'gold',
    contact,
  );
  const { id } = await contact();
  await waitUntil('the event', async () =>
    (await api(env.base, env.demo, 'GET', `/contacts/${id}`)).events.some(
      ({ name }) => name === 'early bird',
    ),
  );
  assert.deepEqual([page.errors, page.warnings], [[], []]);
  await device.close();
});

test('another application on the same page causes a warning', async () => {
  const device = await env.device();
  const page = await visit(device, '/visitor');
  await page.locator('onethread-widget button').waitFor();
  await call(page, 'init', env.demo.organization, { appId: crypto.randomUUID() });
  await waitUntil(
    'the warning',
    () => page.warnings.some((line) => line.includes('another application')),
    () => page.warnings,
  );
  await device.close();
});

test('a logout without a logged-in user changes nothing', async () => {
  const device = await env.device();
  const page = await visit(device, '/visitor');
  const chat = await chatOn(page);
  await chat.fillForm({ name: 'Vera', email: 'vera@example.com' });
  await chat.say('mine');
  await chat.thread('mine');
  for (const method of ['logout', 'logOut']) await call(page, method);
  await chat.say('still mine');
  await chat.thread('mine', 'still mine');
  await page.reload();
  await call(page, 'logout');
  const later = await chatOn(page);
  await later.thread('mine', 'still mine');
  assert.deepEqual([page.errors, page.warnings], [[], []]);
  await device.close();
});
