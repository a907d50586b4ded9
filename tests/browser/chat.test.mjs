// Conversations between visitors in the widget and agents in the inbox.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openChat, openInbox, openPage, waitUntil, startEnvironment } from './harness.mjs';

const VISITOR = 0;
let env;
before(async () => (env = await startEnvironment()));
after(async () => env?.stop());

test('a visitor fills in the form, chats, and sees the thread again after a reload', async () => {
  const device = await env.device();
  const one = await openChat(device, env.base, VISITOR);
  await one.chat.locator('#form').waitFor();
  assert.equal(
    await one.chat.locator('#who').textContent(),
    'Hi there',
    "a visitor doesn't see a generated name",
  );
  await one.fillForm({ name: 'Vera Visitor', email: 'vera@example.com' });
  await one.say('<b>is it open?</b>');
  await one.thread('<b>is it open?</b>');
  await one.page.reload();
  await one.page.getByRole('button', { name: /^Open chat/ }).click();
  await one.thread('<b>is it open?</b>');
  assert.equal(await one.chat.locator('#form').isVisible(), false);
  assert.deepEqual(one.page.errors, []);
  await device.close();
});

test('two devices of one user show the same thread, live', async () => {
  const [phone, laptop] = [await env.device(), await env.device()];
  const [on, off] = [await openChat(phone, env.base, 1), await openChat(laptop, env.base, 1)];
  await on.say('from the phone');
  await on.thread('from the phone');
  await off.thread('from the phone');
  await off.say('from the laptop');
  await on.thread('from the phone', 'from the laptop');
  await off.thread('from the phone', 'from the laptop');
  assert.equal(await on.chat.locator('#form').isVisible(), false, 'a contact gets no form');
  assert.deepEqual([...on.page.errors, ...off.page.errors], []);
  await phone.close();
  await laptop.close();
});

test('a page without user_id chats as the visitor while another page is logged in', async () => {
  const device = await env.device();
  const known = await openChat(device, env.base, 2);
  await known.say('as Tom');
  await known.thread('as Tom');
  const landing = await openChat(device, env.base, VISITOR);
  await landing.fillForm({ name: 'Somebody', email: 'somebody@example.com' });
  await landing.say('as a visitor');
  await landing.thread('as a visitor');
  await known.say('still Tom');
  await known.thread('as Tom', 'still Tom');
  assert.equal(await known.chat.locator('#notice').isVisible(), false);
  await landing.thread('as a visitor');
  await known.page.reload();
  await known.page.getByRole('button', { name: /^Open chat/ }).click();
  // The browser's visitor was merged into Tom.
  await known.thread(
    'as Tom',
    'still Tom',
    'The messages of an earlier chat follow.',
    'as a visitor',
  );
  assert.deepEqual([...known.page.errors, ...landing.page.errors], []);
  await device.close();
});

test('an agent replies in the inbox and the widget shows it', async () => {
  const [home, desk] = [await env.device(), await env.device()];
  const li = await openChat(home, env.base, 3);
  await li.say('where is my order?');
  const inbox = await openInbox(desk, env.base, env.demo);
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
  assert.deepEqual([...li.page.errors, ...inbox.errors], []);
  await home.close();
  await desk.close();
});

test('without the right security hash the thread is hidden and the chat is empty', async () => {
  const fresh = await startEnvironment();
  try {
    const [mine, theirs] = [await fresh.device(), await fresh.device()];
    const maria = await openChat(mine, fresh.base, 1, { hash: 'right' });
    await maria.say('private');
    await maria.thread('private');
    for (const hash of ['', 'wrong']) {
      const other = await openChat(theirs, fresh.base, 1, { hash });
      await other.chat.locator('#form, #composer').filter({ visible: true }).first().waitFor();
      await other.thread();
      assert.doesNotMatch(await other.chat.locator('body').innerText(), /private|Maria/);
      assert.deepEqual(other.page.errors, []);
      await other.page.close();
    }
    const back = await openChat(theirs, fresh.base, 1, { hash: 'right' });
    await back.thread('private');
  } finally {
    await fresh.stop();
  }
});

test('an agent imports a file and sees its progress and the contacts', async () => {
  const desk = await env.device();
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.getByRole('link', { name: 'Imports' }).click();
  const rows = Array.from(
    { length: 500 },
    (_, n) => `file-${n},file-${n}@example.com,File Person ${n}`,
  );
  const buffer = Buffer.from(['user_id,email,name', ...rows].join('\n'));
  await inbox.setInputFiles('#file', { name: 'people.csv', mimeType: 'text/csv', buffer });
  await inbox.getByRole('button', { name: 'Import', exact: true }).click();
  // The mapping of the columns is suggested, and reviewed before the import.
  await inbox.getByLabel('email becomes').waitFor();
  await inbox.getByRole('button', { name: 'Import 500 rows' }).click();
  const past = inbox.locator('#past li').first();
  await waitUntil(
    '500 people imported',
    async () => /people\.csv[\s\S]*500 created/.test(await past.innerText()),
    () => past.innerText(),
  );
  await inbox.getByRole('link', { name: 'Contacts' }).click();
  await inbox.locator('#people tr', { hasText: 'File Person' }).first().waitFor();
  assert.deepEqual(inbox.errors, []);
  await desk.close();
});

test('each page works when it is opened by itself', async () => {
  const device = await env.device();
  for (const path of ['/demo', '/inbox']) {
    const page = await openPage(device, env.base + path);
    await page.locator('main').first().waitFor({ state: 'attached' });
    assert.deepEqual(page.errors, [], path);
  }
  await device.close();
});
