// Live updates: typing and read marks on both sides; and the history of a thread.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  COUNT_SOUNDS,
  reply,
  api,
  chatOn,
  openInbox,
  openPage,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

let env, shop;
before(async () => {
  env = await startEnvironment();
  const snippetFor = (user) => snippet(env.base, env.demo, user);
  shop = await site({
    '/ann': snippetFor({ user_id: 'ann', name: 'Ann' }),
    '/long': snippetFor({ user_id: 'long', name: 'Long' }),
  });
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

test('each side sees when the other is typing and what it has read', async () => {
  const [home, desk] = [await env.device(), await env.device()];
  const page = await openPage(home, `${shop.base}/ann`);
  const ann = await chatOn(page);
  await ann.say('hello');
  await ann.thread('hello');
  const under = () => ann.chat.locator('#thread li').last().innerText();
  assert.doesNotMatch(await under(), /Seen/);
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.locator('#items button', { hasText: 'Ann' }).click();
  await inbox.locator('#thread .text', { hasText: 'hello' }).waitFor();
  await waitUntil('Seen in the chat', async () => /Seen/.test(await under()), under);

  const typing = inbox.locator('#talk .typing');
  await ann.chat.locator('#text').pressSequentially('one more');
  await typing.getByText('Ann is typing').waitFor();
  await ann.chat.locator('#text').press('Enter');
  await inbox.locator('#thread .text', { hasText: 'one more' }).waitFor();
  await waitUntil('the typing over', async () => (await typing.innerText()).trim() === '');

  await inbox.locator('#answer-text').pressSequentially('an ans');
  const dots = ann.chat.locator('.typing i').first();
  await dots.waitFor();
  await inbox.locator('#answer-text').fill('');
  await dots.waitFor({ state: 'detached' });

  // Messages count as read only while the chat is open.
  await page.evaluate(() => window.HelpCrunch('closeChat'));
  await page.getByRole('button', { name: /^Open chat/ }).waitFor();
  await inbox.fill('#answer-text', 'an answer');
  await inbox.press('#answer-text', 'Enter');
  await page.getByRole('button', { name: 'Open chat, 1 unread' }).waitFor();
  const answered = () => inbox.locator('#thread li').last().innerText();
  assert.match(await answered(), /an answer/);
  assert.doesNotMatch(await answered(), /Seen/);
  await page.evaluate(() => window.HelpCrunch('openChat'));
  await waitUntil('Seen in the inbox', async () => /Seen/.test(await answered()), answered);

  // A reply implies that earlier messages were read, even if its read mark was missed.
  await ann.say('thank you');
  await inbox.locator('#thread .text', { hasText: 'thank you' }).waitFor();
  await Promise.all([page.reload(), inbox.reload()]);
  await page.getByRole('button', { name: /^Open chat/ }).click();
  await ann.thread('hello', 'one more', 'an answer', 'thank you');
  await ann.chat.locator('#thread .mine', { hasText: 'Seen' }).waitFor();
  await inbox.locator('#thread .text', { hasText: 'thank you' }).waitFor();
  assert.match(await inbox.locator('#thread li', { hasText: 'an answer' }).innerText(), /Seen/);
  assert.deepEqual([...page.errors, ...inbox.errors], []);
  await home.close();
  await desk.close();
});

test("earlier messages load once each and don't move the visible ones", async () => {
  const { base, demo } = env;
  const { id } = await api(base, demo, 'POST', '/contacts', { userId: 'long', name: 'Long' });
  const texts = Array.from({ length: 130 }, (_, n) => `number ${n}`);
  for (const text of texts)
    await api(base, demo, 'POST', `/contacts/${id}/messages`, {
      clientMessageId: crypto.randomUUID(),
      text,
    });
  const home = await env.device();
  const page = await openPage(home, `${shop.base}/long`);
  const { chat, thread } = await chatOn(page);
  const shown = () => chat.locator('#thread .text').allTextContents();
  await waitUntil('the newest', async () => (await shown()).at(-1) === 'number 129', shown);
  assert.equal((await shown()).length, 50);
  const scroller = chat.locator('#scroller');
  await waitUntil('the end in sight', () =>
    scroller.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2),
  );
  // By the button, which the keyboard reaches.
  const place = async () =>
    Math.round((await chat.locator('#thread li', { hasText: /^number 82/ }).boundingBox()).y);
  await scroller.evaluate((box) => (box.scrollTop = 120));
  const before = await place();
  await chat.locator('#earlier').evaluate((button) => button.click());
  await waitUntil(
    'earlier ones',
    async () => (await shown()).length === 100,
    async () => (await shown()).length,
  );
  assert.ok(Math.abs((await place()) - before) <= 2, `moved from ${before} to ${await place()}`);
  // By scrolling.
  await scroller.evaluate((box) => (box.scrollTop = 0));
  await thread(...texts);
  assert.equal(await chat.locator('#earlier').count(), 0);
  // A new message doesn't move a visitor who reads the history; a button leads back to the end.
  await scroller.evaluate((box) => (box.scrollTop = 0));
  await reply(base, demo, id, 'number 130');
  await waitUntil('it', async () => (await shown()).at(-1) === 'number 130');
  assert.ok((await scroller.evaluate((box) => box.scrollTop)) < 100);
  await chat.locator('#newest').click();
  await waitUntil('the end', () =>
    scroller.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2),
  );
  assert.deepEqual(page.errors, []);
  await home.close();
});

test('a new message plays a sound and is in the title while the inbox is in the background', async () => {
  const { base, demo } = env;
  const [home, desk] = [await env.device(), await env.device()];
  await desk.addInitScript(COUNT_SOUNDS);
  const page = await openPage(home, `${shop.base}/ann`);
  const ann = await chatOn(page);
  const inbox = await openInbox(desk, base, demo);
  await inbox.locator('#items').waitFor();
  await ann.say('while it is in sight');
  await inbox.locator('#items .last', { hasText: 'while it is in sight' }).waitFor();
  assert.equal(await inbox.evaluate(() => window.sounds), 0);
  await inbox.evaluate(() => Object.defineProperty(document, 'hidden', { get: () => true }));
  for (let n = 1; (await inbox.evaluate(() => window.sounds)) === 0; n++) {
    assert.ok(n < 5, 'no sound');
    await ann.say(`while it is not ${n}`);
    await inbox.locator('#items .last', { hasText: `while it is not ${n}` }).waitFor();
  }
  await waitUntil(
    'the count',
    async () => /^\(\d+\) Inbox/.test(await inbox.title()),
    () => inbox.title(),
  );
  assert.deepEqual([...page.errors, ...inbox.errors], []);
  await home.close();
  await desk.close();
});
