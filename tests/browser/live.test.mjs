// What is told live: typing and read marks to both sides; and the history above.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  EARS,
  answer,
  api,
  chatOn,
  openInbox,
  openPage,
  seen,
  site,
  snippet,
  stage,
} from './harness.mjs';

let it, shop;
before(async () => {
  it = await stage();
  const own = (user) => snippet(it.base, it.demo, user);
  shop = await site({
    '/ann': own({ user_id: 'ann', name: 'Ann' }),
    '/long': own({ user_id: 'long', name: 'Long' }),
  });
});
after(async () => {
  await shop?.stop();
  await it?.stop();
});

test('each side sees the other one type, and what the other one has read', async () => {
  const [home, desk] = [await it.device(), await it.device()];
  const page = await openPage(home, `${shop.base}/ann`);
  const ann = await chatOn(page);
  await ann.say('hello');
  await ann.thread('hello');
  const under = () => ann.chat.locator('#thread li').last().innerText();
  assert.doesNotMatch(await under(), /Seen/);
  const inbox = await openInbox(desk, it.base, it.demo);
  await inbox.locator('#items button', { hasText: 'Ann' }).click();
  await inbox.locator('#thread .text', { hasText: 'hello' }).waitFor();
  await seen('Seen in the chat', async () => /Seen/.test(await under()), under);

  const typing = inbox.locator('#talk .typing');
  await ann.chat.locator('#text').pressSequentially('one more');
  await typing.getByText('Ann is writing').waitFor();
  await ann.chat.locator('#text').press('Enter');
  await inbox.locator('#thread .text', { hasText: 'one more' }).waitFor();
  await seen('the typing over', async () => (await typing.innerText()).trim() === '');

  await inbox.locator('#answer-text').pressSequentially('an ans');
  const dots = ann.chat.locator('.typing i').first();
  await dots.waitFor();
  await inbox.locator('#answer-text').fill('');
  await dots.waitFor({ state: 'detached' });

  // A chat that is closed reads nothing; opened, it does.
  await page.evaluate(() => window.HelpCrunch('closeChat'));
  await page.getByRole('button', { name: /^Open chat/ }).waitFor();
  await inbox.fill('#answer-text', 'an answer');
  await inbox.press('#answer-text', 'Enter');
  await page.getByRole('button', { name: 'Open chat, 1 unread' }).waitFor();
  const answered = () => inbox.locator('#thread li').last().innerText();
  assert.match(await answered(), /an answer/);
  assert.doesNotMatch(await answered(), /Seen/);
  await page.evaluate(() => window.HelpCrunch('openChat'));
  await seen('Seen in the inbox', async () => /Seen/.test(await answered()), answered);

  // What was answered was read, also where nobody was there to hear of the mark.
  await ann.say('thank you');
  await inbox.locator('#thread .text', { hasText: 'thank you' }).waitFor();
  await Promise.all([page.reload(), inbox.reload()]);
  await page.getByRole('button', { name: /^Open chat/ }).click();
  await ann.thread('hello', 'one more', 'an answer', 'thank you');
  await ann.chat.locator('#thread .mine', { hasText: 'Seen' }).waitFor();
  await inbox.locator('#thread .text', { hasText: 'thank you' }).waitFor();
  assert.match(await inbox.locator('#thread li', { hasText: 'an answer' }).innerText(), /Seen/);
  assert.deepEqual([...page.faults, ...inbox.faults], []);
  await home.close();
  await desk.close();
});

test('the history loads upwards, each message once, and what is looked at stays where it is', async () => {
  const { base, demo } = it;
  const { id } = await api(base, demo, 'POST', '/contacts', { userId: 'long', name: 'Long' });
  const texts = Array.from({ length: 130 }, (_, n) => `number ${n}`);
  for (const text of texts)
    await api(base, demo, 'POST', `/contacts/${id}/messages`, {
      clientMessageId: crypto.randomUUID(),
      text,
    });
  const home = await it.device();
  const page = await openPage(home, `${shop.base}/long`);
  const { chat, thread } = await chatOn(page);
  const shown = () => chat.locator('#thread .text').allTextContents();
  await seen('the newest', async () => (await shown()).at(-1) === 'number 129', shown);
  assert.equal((await shown()).length, 50);
  const scroller = chat.locator('#scroller');
  await seen('the end in sight', () =>
    scroller.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2),
  );
  // By the button, which keyboards reach as well.
  const place = async () =>
    Math.round((await chat.locator('#thread li', { hasText: /^number 82/ }).boundingBox()).y);
  await scroller.evaluate((box) => (box.scrollTop = 120));
  const before = await place();
  await chat.locator('#earlier').evaluate((button) => button.click());
  await seen(
    'earlier ones',
    async () => (await shown()).length === 100,
    async () => (await shown()).length,
  );
  assert.ok(Math.abs((await place()) - before) <= 2, `moved from ${before} to ${await place()}`);
  // By scrolling.
  await scroller.evaluate((box) => (box.scrollTop = 0));
  await thread(...texts);
  assert.equal(await chat.locator('#earlier').count(), 0);
  // Somebody who reads the history isn't taken away from it; the way back is one press.
  await scroller.evaluate((box) => (box.scrollTop = 0));
  await answer(base, demo, id, 'number 130');
  await seen('it', async () => (await shown()).at(-1) === 'number 130');
  assert.ok((await scroller.evaluate((box) => box.scrollTop)) < 100);
  await chat.locator('#newest').click();
  await seen('the end', () =>
    scroller.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2),
  );
  assert.deepEqual(page.faults, []);
  await home.close();
});

test('an agent who looks elsewhere hears that somebody wrote, and the tab says it', async () => {
  const { base, demo } = it;
  const [home, desk] = [await it.device(), await it.device()];
  await desk.addInitScript(EARS);
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
  await seen(
    'the count',
    async () => /^\(\d+\) Inbox/.test(await inbox.title()),
    () => inbox.title(),
  );
  assert.deepEqual([...page.faults, ...inbox.faults], []);
  await home.close();
  await desk.close();
});
