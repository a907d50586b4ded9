// Every screen: nothing that shuts people out, nothing too large to load, nothing that grows with the data.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { api, chatOn, openInbox, openPage, seen, site, snippet, stage } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
let it;
before(async () => (it = await stage()));
after(async () => it?.stop());

/** What axe finds wrong in a page or frame that keeps somebody out. */
async function wrongs(place) {
  // The pages forbid scripts from elsewhere: this one comes by the debugger.
  await place.evaluate(`${AXE}; void 0`);
  const { violations, passes } = await place.evaluate((tags) => window.axe.run(document, { runOnly: tags, iframes: false }), RULES);
  assert.ok(passes.length > 0, 'axe looked at something');
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

for (const colorScheme of ['light', 'dark']) {
  test(`no screen shuts anybody out, ${colorScheme}`, async () => {
    const { base, demo } = it;
    const shop = await site({ '/ann': snippet(base, demo, { user_id: `ann-${colorScheme}`, name: 'Ann', email: 'ann@example.com' }), '/visitor': snippet(base, demo, {}) });
    const home = await it.device({ colorScheme });
    const page = await openPage(home, `${shop.base}/ann`);
    const chat = await chatOn(page);
    await chat.say('hello');
    await chat.thread('hello');
    const frame = () => page.frames().find((one) => one.url().startsWith(base));
    assert.deepEqual(await wrongs(frame()), [], 'chat');
    await page.goto(`${shop.base}/visitor`);
    await (await chatOn(page)).chat.locator('#form').waitFor();
    assert.deepEqual(await wrongs(frame()), [], 'form');
    const demoPage = await openPage(home, `${base}/demo`);
    await demoPage.locator('#people').waitFor();
    assert.deepEqual(await wrongs(demoPage), [], 'demo');

    const desk = await it.device({ colorScheme });
    const login = await openPage(desk, `${base}/inbox`);
    await login.locator('#login form').waitFor();
    assert.deepEqual(await wrongs(login), [], 'login');
    await login.close();
    const inbox = await openInbox(desk, base, demo);
    assert.deepEqual(await wrongs(inbox), [], 'list');
    await inbox.locator('#items button').first().click();
    await inbox.locator('#thread .text').first().waitFor();
    await inbox.locator('#profile h2').waitFor();
    assert.deepEqual(await wrongs(inbox), [], 'thread');
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
      assert.deepEqual(await wrongs(inbox), [], part);
    }
    assert.deepEqual([...page.faults, ...inbox.faults], []);
    await home.close();
    await desk.close();
    await shop.stop();
  });
}

test('the script weighs at most 3 KiB, with its frame 25', async (context) => {
  const weigh = async (path) => {
    const answer = await fetch(it.base + path);
    assert.equal(answer.status, 200, path);
    return gzipSync(Buffer.from(await answer.arrayBuffer()), { level: 9 }).length;
  };
  const script = await weigh('/widget.js');
  let all = script;
  for (const path of ['/widget/frame', '/widget/frame.js', '/widget/frame.css']) all += await weigh(path);
  context.diagnostic(`widget.js ${script} bytes, with its frame ${all} bytes, gzip`);
  assert.ok(script <= 3 * 1024, `widget.js has ${script} bytes`);
  assert.ok(all <= 25 * 1024, `with its frame it has ${all} bytes`);
});

/** So many steps, some at a time. */
async function many(count, step) {
  let next = 0;
  await Promise.all(Array.from({ length: 32 }, async () => {
    while (next < count) await step(next++);
  }));
}

test('of a long thread and a long list only what is near is in the page', async () => {
  const { base, demo } = it;
  const contact = await api(base, demo, 'POST', '/contacts', { userId: 'long', name: 'Long' });
  const send = (id, text) => api(base, demo, 'POST', `/contacts/${id}/messages`, { clientMessageId: crypto.randomUUID(), text });
  await send(contact.id, 'number 0');
  await many(1500, (n) => send(contact.id, `number ${n + 1}`));
  await many(400, async (n) => {
    const { id } = await api(base, demo, 'POST', '/contacts', { userId: `list-${n}`, name: `Person ${n}` });
    await send(id, 'hello');
  });
  const desk = await it.device();
  const inbox = await openInbox(desk, base, demo);
  await inbox.goto(`${base}/inbox#conversations/${contact.id}`);
  const rows = () => inbox.locator('#thread li').count();
  await seen('the newest', async () => (await rows()) > 20);
  const scroller = inbox.locator('#scroller');
  const first = async () => Number(await inbox.locator('#thread li').first().getAttribute('data-seq'));
  await seen('the very first message', async () => {
    await scroller.evaluate((box) => (box.scrollTop = 0));
    assert.ok((await rows()) <= 400, 'the window is bounded');
    return (await first()) === 1;
  }, first);
  await inbox.getByRole('button', { name: 'To the newest' }).click();
  await seen('the newest again', async () => (await inbox.locator('#thread li').last().getAttribute('data-seq')) === '1501');
  const list = inbox.locator('.rows');
  const names = () => inbox.locator('#items .name').allTextContents();
  const met = new Set();
  await seen('all of the list', async () => {
    for (const name of await names()) met.add(name);
    assert.ok((await inbox.locator('#items li').count()) < 60, 'only rows near the sight are in the page');
    await list.evaluate((box) => (box.scrollTop += 400));
    return met.size >= 401;
  }, () => met.size);
  assert.deepEqual(inbox.faults, []);
  await desk.close();
});
