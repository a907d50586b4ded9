// What a person sees in the widget and an agent in the inbox, in a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openChat, openInbox, openPage, seen, stage } from './harness.mjs';

const VISITOR = 0;
let it;
before(async () => (it = await stage()));
after(async () => it?.stop());

test('a visitor fills in the form and chats, and finds the thread again', async () => {
  const device = await it.device();
  const one = await openChat(device, it.base, VISITOR);
  await one.chat.locator('#form').waitFor();
  assert.equal(
    await one.chat.locator('#who').textContent(),
    'Hi there',
    'nobody is called by a generated name',
  );
  await one.fillForm({ name: 'Vera Visitor', email: 'vera@example.com' });
  await one.say('<b>is it open?</b>');
  await one.thread('<b>is it open?</b>');
  await one.page.reload();
  await one.page.getByRole('button', { name: /^Open chat/ }).click();
  await one.thread('<b>is it open?</b>');
  assert.equal(await one.chat.locator('#form').isVisible(), false);
  assert.deepEqual(one.page.faults, []);
  await device.close();
});

test('two devices of one person show one thread, live', async () => {
  const [phone, laptop] = [await it.device(), await it.device()];
  const [on, off] = [await openChat(phone, it.base, 1), await openChat(laptop, it.base, 1)];
  await on.say('from the phone');
  await on.thread('from the phone');
  await off.thread('from the phone');
  await off.say('from the laptop');
  await on.thread('from the phone', 'from the laptop');
  await off.thread('from the phone', 'from the laptop');
  assert.equal(await on.chat.locator('#form').isVisible(), false, 'a contact gets no form');
  assert.deepEqual([...on.page.faults, ...off.page.faults], []);
  await phone.close();
  await laptop.close();
});

test('a page without user_id beside a login chats as the visitor and ends nothing', async () => {
  const device = await it.device();
  const known = await openChat(device, it.base, 2);
  await known.say('as Tom');
  await known.thread('as Tom');
  const landing = await openChat(device, it.base, VISITOR);
  await landing.fillForm({ name: 'Somebody', email: 'somebody@example.com' });
  await landing.say('as a visitor');
  await landing.thread('as a visitor');
  await known.say('still Tom');
  await known.thread('as Tom', 'still Tom');
  assert.equal(await known.chat.locator('#notice').isVisible(), false);
  await landing.thread('as a visitor');
  await known.page.reload();
  await known.page.getByRole('button', { name: /^Open chat/ }).click();
  // The browser's visitor turns out to have been Tom.
  await known.thread(
    'as Tom',
    'still Tom',
    'The messages of an earlier chat follow.',
    'as a visitor',
  );
  assert.deepEqual([...known.page.faults, ...landing.page.faults], []);
  await device.close();
});

test('an agent answers in the inbox and the widget shows it', async () => {
  const [home, desk] = [await it.device(), await it.device()];
  const li = await openChat(home, it.base, 3);
  await li.say('where is my order?');
  const inbox = await openInbox(desk, it.base, it.demo);
  await inbox.locator('#items button', { hasText: 'Li Wen' }).click();
  await inbox.locator('#thread .text', { hasText: 'where is my order?' }).waitFor();
  await inbox.locator('#profile', { hasText: 'li.wen@example.com' }).waitFor();
  await inbox.fill('#answer-text', 'on its way');
  await inbox.press('#answer-text', 'Enter');
  await li.thread('where is my order?', 'on its way');
  await li.say('thank you');
  await inbox.locator('#thread .text', { hasText: 'thank you' }).waitFor();
  await inbox.getByRole('link', { name: 'Contacts' }).click();
  await inbox.locator('#people tr', { hasText: 'Li Wen' }).waitFor();
  assert.deepEqual([...li.page.faults, ...inbox.faults], []);
  await home.close();
  await desk.close();
});

test('without the right hash a claimed thread stays closed and the chat is empty', async () => {
  const own = await stage();
  try {
    const [mine, theirs] = [await own.device(), await own.device()];
    const maria = await openChat(mine, own.base, 1, { hash: 'right' });
    await maria.say('private');
    await maria.thread('private');
    for (const hash of ['', 'wrong']) {
      const other = await openChat(theirs, own.base, 1, { hash });
      await other.chat.locator('#form, #composer').filter({ visible: true }).first().waitFor();
      await other.thread();
      assert.doesNotMatch(await other.chat.locator('body').innerText(), /private|Maria/);
      assert.deepEqual(other.page.faults, []);
      await other.page.close();
    }
    const back = await openChat(theirs, own.base, 1, { hash: 'right' });
    await back.thread('private');
  } finally {
    await own.stop();
  }
});

test('an agent imports a file and sees its progress and the people', async () => {
  const desk = await it.device();
  const inbox = await openInbox(desk, it.base, it.demo);
  await inbox.getByRole('link', { name: 'Imports' }).click();
  const rows = Array.from(
    { length: 500 },
    (_, n) => `file-${n},file-${n}@example.com,File Person ${n}`,
  );
  const buffer = Buffer.from(['user_id,email,name', ...rows].join('\n'));
  await inbox.setInputFiles('#file', { name: 'people.csv', mimeType: 'text/csv', buffer });
  await inbox.getByRole('button', { name: 'Import', exact: true }).click();
  // What each column becomes is proposed, and looked at first.
  await inbox.getByLabel('email becomes').waitFor();
  await inbox.getByRole('button', { name: 'Import 500 rows' }).click();
  const past = inbox.locator('#past li').first();
  await seen(
    '500 people imported',
    async () => /people\.csv[\s\S]*500 created/.test(await past.innerText()),
    () => past.innerText(),
  );
  await inbox.getByRole('link', { name: 'Contacts' }).click();
  await inbox.locator('#people tr', { hasText: 'File Person' }).first().waitFor();
  assert.deepEqual(inbox.faults, []);
  await desk.close();
});

test('the pages stand alone, without a widget around them', async () => {
  const device = await it.device();
  for (const path of ['/demo', '/inbox']) {
    const page = await openPage(device, it.base + path);
    await page.locator('main').first().waitFor({ state: 'attached' });
    assert.deepEqual(page.faults, [], path);
  }
  await device.close();
});
