// Every screen: no serious accessibility violations. And the sizes of what visitors load.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  api,
  chatOn,
  openInbox,
  openPage,
  site,
  snippet,
  startEnvironment,
  violationsIn,
} from './harness.mjs';

let env;
before(async () => (env = await startEnvironment()));
after(async () => env?.stop());

for (const colorScheme of ['light', 'dark']) {
  test(`no screen has serious accessibility violations, ${colorScheme}`, async () => {
    const { base, demo } = env;
    const shop = await site({
      '/ann': snippet(base, demo, {
        user_id: `ann-${colorScheme}`,
        name: 'Ann',
        email: 'ann@example.com',
      }),
      '/visitor': snippet(base, demo, {}),
    });
    const home = await env.device({ colorScheme });
    const page = await openPage(home, `${shop.base}/ann`);
    const chat = await chatOn(page);
    await chat.say('hello');
    await chat.thread('hello');
    const frame = () => page.frames().find((one) => one.url().startsWith(base));
    assert.deepEqual(await violationsIn(frame()), [], 'chat');
    await page.goto(`${shop.base}/visitor`);
    await (await chatOn(page)).chat.locator('#form').waitFor();
    assert.deepEqual(await violationsIn(frame()), [], 'form');
    const demoPage = await openPage(home, `${base}/demo`);
    await demoPage.locator('#people').waitFor();
    assert.deepEqual(await violationsIn(demoPage), [], 'demo');

    const desk = await env.device({ colorScheme });
    const login = await openPage(desk, `${base}/inbox`);
    await login.locator('#login form').waitFor();
    assert.deepEqual(await violationsIn(login), [], 'login');
    await login.close();
    const inbox = await openInbox(desk, base, demo);
    assert.deepEqual(await violationsIn(inbox), [], 'list');
    await inbox.locator('#items button').first().click();
    await inbox.locator('#thread .text').first().waitFor();
    await inbox.locator('#profile h2').waitFor();
    assert.deepEqual(await violationsIn(inbox), [], 'thread');
    for (const [part, sign] of [
      ['contacts', '#people tr'],
      ['imports', '#upload'],
      ['settings/applications', '#settings article'],
      ['settings/identity', '#settings form'],
      ['settings/agents', '#settings tbody tr'],
      ['settings/keys', '#settings form'],
      ['settings/webhooks', '#settings form'],
      ['settings/blocked', '#settings form'],
      ['settings/audit', '#settings table'],
      ['settings/password', '#settings form'],
    ]) {
      await inbox.goto(`${base}/inbox#${part}`);
      await inbox.locator(sign).first().waitFor();
      assert.deepEqual(await violationsIn(inbox), [], part);
    }
    // Dialogs, and screens that appear only in some cases.
    const dialog = async (name, open) => {
      await open();
      await inbox.getByRole('dialog', { name }).waitFor();
      assert.deepEqual(await violationsIn(inbox), [], name);
      await inbox.keyboard.press('Escape');
    };
    const press = (name) => () => inbox.getByRole('button', { name, exact: true }).first().click();
    await inbox.goto(`${base}/inbox#settings/applications`);
    await inbox.getByText('Edit settings').first().click();
    assert.deepEqual(await violationsIn(inbox), [], 'an application');
    await dialog('Add application', press('Add application'));
    await inbox.goto(`${base}/inbox#contacts`);
    await dialog('Add contact', press('Add contact'));
    await dialog('Contact', () => inbox.locator('#people a', { hasText: 'Ann' }).first().click());
    await inbox.goto(`${base}/inbox#conversations`);
    await inbox.locator('#items button').first().click();
    await inbox.locator('#profile h2').waitFor();
    await dialog('Edit contact', press('Edit'));
    await dialog('Reset claim', press('Reset claim'));
    await dialog('Erase', press('Erase'));
    await api(base, demo, 'POST', '/contacts', { name: 'Another Ann', email: 'ann@example.com' });
    await inbox.reload();
    await dialog('Merge contacts', () => inbox.locator('.others button').first().click());
    await inbox.goto(`${base}/inbox#imports`);
    await inbox.setInputFiles('#file', {
      name: 'people.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from('user_id,email,plan\nx-1,x@example.com,gold'),
    });
    await press('Import')();
    await inbox.getByLabel('plan becomes').first().waitFor();
    assert.deepEqual(await violationsIn(inbox), [], 'the mapping');
    await press('Cancel')();
    await inbox.goto(`${base}/inbox#settings/keys`);
    await inbox.locator('input[name="name"]').fill('A server');
    await press('Create key')();
    await inbox.locator('.secret').waitFor();
    assert.deepEqual(await violationsIn(inbox), [], 'a secret');
    const guest = await openPage(await env.device({ colorScheme }), `${base}/inbox#accept/token`);
    await guest.locator('form').waitFor();
    assert.deepEqual(await violationsIn(guest), [], 'an invitation');
    await guest.goto(`${base}/widget/app?platform=android`);
    const { organization, applicationId, applicationSecret } = demo;
    await guest.evaluate(
      ([organization, options]) => window.HelpCrunch('init', organization, options),
      [organization, { applicationId, applicationSecret, user: {} }],
    );
    await guest.frameLocator('onethread-widget iframe').locator('#form').waitFor();
    assert.deepEqual(await violationsIn(guest), [], 'the page for apps');
    assert.deepEqual(await violationsIn(guest.frames().at(-1)), [], 'the chat in an app');
    assert.deepEqual([...page.errors, ...inbox.errors, ...guest.errors], []);
    await home.close();
    await desk.close();
    await shop.stop();
  });
}

test('the script is at most 3.5 KiB, with its frame and a language 30 KiB', async (context) => {
  const weigh = async (path) => {
    const answer = await fetch(env.base + path);
    assert.equal(answer.status, 200, path);
    return gzipSync(Buffer.from(await answer.arrayBuffer()), { level: 9 }).length;
  };
  const script = await weigh('/widget.js');
  let all = script;
  for (const path of [
    '/widget/frame',
    '/widget/frame.js',
    '/widget/frame.css',
    '/widget/frame.ar.js',
  ])
    all += await weigh(path);
  context.diagnostic(`widget.js ${script} bytes, with its frame and a language ${all} bytes, gzip`);
  assert.ok(script <= 3.5 * 1024, `widget.js has ${script} bytes`);
  assert.ok(all <= 30 * 1024, `with its frame it has ${all} bytes`);
});
