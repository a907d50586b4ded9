// An agent's work: assigning and closing conversations, blocking, resetting claims, and finding contacts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  api,
  chatOn,
  contactOf,
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
    '/eve': snippetFor({ user_id: 'eve', name: 'Eve' }),
    '/old': snippetFor({ user_id: 'claimed', security_hash: 'old' }),
    '/new': snippetFor({ user_id: 'claimed', security_hash: 'new' }),
  });
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

test('a conversation is assigned, closed, filtered, and reopened by a message', async () => {
  const [home, desk] = [await env.device(), await env.device()];
  const page = await openPage(home, `${shop.base}/ann`);
  const ann = await chatOn(page);
  await ann.say('help');
  await ann.thread('help');
  const inbox = await openInbox(desk, env.base, env.demo);
  const line = inbox.locator('#items button', { hasText: 'Ann' });
  const filter = async (status, assignee) => {
    await inbox.locator('.filters').getByLabel('Status').selectOption(status);
    await inbox.locator('.filters').getByLabel('Assigned to').selectOption(assignee);
  };
  await filter('Open', 'Unassigned');
  await line.click();
  await inbox.locator('.talk-head').getByLabel('Assigned to').selectOption('Me');
  await inbox.locator('#thread .event', { hasText: 'assigned to' }).waitFor();
  await line.waitFor({ state: 'detached' });
  await filter('Open', 'Assigned to me');
  await line.waitFor();
  await inbox.locator('.talk-head').getByRole('button', { name: 'Close' }).click();
  await line.waitFor({ state: 'detached' });
  await filter('Closed', 'All agents');
  await line.getByText(/^Closed/).waitFor();
  await filter('Open', 'Assigned to me');
  await inbox.getByText('No open conversations.').waitFor();
  await ann.say('one more thing');
  await line.getByText('one more thing').waitFor();
  await inbox.locator('.talk-head').getByRole('button', { name: 'Close' }).waitFor();
  // The contact doesn't see the assignment.
  await ann.thread('help', 'one more thing');
  assert.deepEqual([...page.errors, ...inbox.errors], []);
  await home.close();
  await desk.close();
});

test("a blocked contact can't send messages, and after unblocking the same message is sent", async () => {
  const [home, desk] = [await env.device(), await env.device()];
  const page = await openPage(home, `${shop.base}/eve`);
  const eve = await chatOn(page);
  await eve.say('first');
  await eve.thread('first');
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.locator('#items button', { hasText: 'Eve' }).click();
  const profile = inbox.locator('#profile');
  await profile.getByRole('button', { name: 'Block' }).click();
  await profile.getByRole('button', { name: 'Unblock' }).waitFor();
  await eve.say('second');
  await eve.chat.locator('#pending .error').waitFor();
  await eve.thread('first');
  // There is no retry, which couldn't work.
  await eve.chat.locator('#blocked').waitFor();
  assert.equal(await eve.chat.getByRole('button', { name: 'Retry' }).count(), 0);
  await profile.getByRole('button', { name: 'Unblock' }).click();
  await profile.getByRole('button', { name: 'Block', exact: true }).waitFor();
  // Opening the chat again retries the message.
  await eve.chat.locator('#close').click();
  await page.getByRole('button', { name: /^Open chat/ }).click();
  await eve.thread('first', 'second');
  await inbox.locator('#thread .text', { hasText: 'second' }).waitFor();
  assert.deepEqual([...page.errors, ...inbox.errors], []);
  await home.close();
  await desk.close();
});

test('an owner resets a claim with a reason, which is in the audit log', async () => {
  const [first, second, desk] = [await env.device(), await env.device(), await env.device()];
  const old = await chatOn(await openPage(first, `${shop.base}/old`));
  await old.say('under the old hash');
  await old.thread('under the old hash');
  const page = await openPage(second, `${shop.base}/new`);
  const refused = await chatOn(page);
  await refused.chat.locator('#form').waitFor();
  const { id } = await contactOf(env.base, env.demo, 'claimed');
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.goto(`${env.base}/inbox#conversations/${id}`);
  await inbox.getByText('Verified by security hash').waitFor();
  await inbox.getByRole('button', { name: 'Reset claim' }).click();
  await inbox.getByLabel('Reason').fill('the site changed its salt');
  await inbox.getByRole('dialog').getByRole('button', { name: 'Reset', exact: true }).click();
  await inbox.locator('#success', { hasText: 'Claim reset' }).waitFor();
  await page.reload();
  await (await chatOn(page)).thread('under the old hash');
  await inbox.goto(`${env.base}/inbox#settings/audit`);
  await inbox.locator('td', { hasText: 'the site changed its salt' }).waitFor();
  assert.deepEqual([...page.errors, ...inbox.errors], []);
  for (const device of [first, second, desk]) await device.close();
});

test('contacts can be searched, sorted, filtered by any attribute, and exported with the same filter', async () => {
  const { base, demo } = env;
  for (const [userId, name, plan, seats, tags] of [
    ['s-1', 'Zoe Zett', 'gold', 5, ['vip', 'berlin']],
    ['s-2', 'Abel Ames', 'silver', 12, []],
    ['s-3', 'Moira Moss', 'gold', 40, ['vip']],
  ]) {
    await api(base, demo, 'POST', '/contacts', {
      userId,
      name,
      email: `${userId}@example.com`,
      tags,
      customData: { plan, seats },
    });
  }
  const desk = await env.device({ acceptDownloads: true });
  const inbox = await openInbox(desk, base, demo);
  await inbox.getByRole('link', { name: 'Contacts' }).click();
  const names = () => inbox.locator('#people tr bdi').allTextContents();
  const found = (...expected) =>
    waitUntil(
      expected.join(', '),
      async () => JSON.stringify(await names()) === JSON.stringify(expected),
      names,
    );
  await inbox.getByLabel('Search').fill('zoe');
  await found('Zoe Zett');
  await inbox.getByLabel('Search').fill('');
  const condition = async (field, operator, value) => {
    await inbox.getByLabel('Field').fill(field);
    await inbox.getByLabel('Operator').selectOption(operator);
    await inbox.getByLabel('Value').fill(value);
  };
  await inbox.getByRole('button', { name: 'Add filter' }).click();
  await condition('custom.seats', '>', '7');
  await inbox.getByLabel('Sort').selectOption('Name, A to Z');
  await found('Abel Ames', 'Moira Moss');
  await inbox.getByLabel('Sort').selectOption('Name, Z to A');
  await found('Moira Moss', 'Abel Ames');
  await condition('tags', '=', 'berlin');
  await found('Zoe Zett');
  await condition('custom.plan', '=', 'gold');
  await found('Zoe Zett', 'Moira Moss');
  const [download] = await Promise.all([
    inbox.waitForEvent('download'),
    inbox.getByRole('button', { name: 'Export' }).click(),
  ]);
  const file = readFileSync(await download.path(), 'utf8');
  assert.match(file, /^user_id,email,name,phone,company,tags/);
  assert.deepEqual(
    [/Zoe Zett/.test(file), /Moira Moss/.test(file), /Abel Ames/.test(file)],
    [true, true, false],
  );
  await condition('name', '=', 'nobody at all');
  await inbox.getByText('No contacts match your search.').waitFor();
  assert.deepEqual(inbox.errors, []);
  await desk.close();
});
