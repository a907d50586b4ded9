// An agent's day: who has which conversation, who is blocked or reset, who is found among the contacts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  api,
  chatOn,
  contactOf,
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
    '/eve': own({ user_id: 'eve', name: 'Eve' }),
    '/old': own({ user_id: 'claimed', security_hash: 'old' }),
    '/new': own({ user_id: 'claimed', security_hash: 'new' }),
  });
});
after(async () => {
  await shop?.stop();
  await it?.stop();
});

test('a conversation is assigned, closed, found by the filters, and reopened by a message', async () => {
  const [home, desk] = [await it.device(), await it.device()];
  const page = await openPage(home, `${shop.base}/ann`);
  const ann = await chatOn(page);
  await ann.say('help');
  await ann.thread('help');
  const inbox = await openInbox(desk, it.base, it.demo);
  const line = inbox.locator('#items button', { hasText: 'Ann' });
  const filter = async (status, assignee) => {
    await inbox.locator('.filters').getByLabel('Status').selectOption(status);
    await inbox.locator('.filters').getByLabel('Assigned to').selectOption(assignee);
  };
  await filter('Open', "Nobody's");
  await line.click();
  await inbox.locator('.talk-head').getByLabel('Assigned to').selectOption('Me');
  await inbox.locator('#thread .event', { hasText: 'assigned to' }).waitFor();
  await line.waitFor({ state: 'detached' });
  await filter('Open', 'Mine');
  await line.waitFor();
  await inbox.locator('.talk-head').getByRole('button', { name: 'Close' }).click();
  await line.waitFor({ state: 'detached' });
  await filter('Closed', "Anybody's");
  await line.getByText(/^Closed/).waitFor();
  await filter('Open', 'Mine');
  await inbox.getByText('No conversation is open.').waitFor();
  await ann.say('one more thing');
  await line.getByText('one more thing').waitFor();
  await inbox.locator('.talk-head').getByRole('button', { name: 'Close' }).waitFor();
  // The person sees nothing of who has it.
  await ann.thread('help', 'one more thing');
  assert.deepEqual([...page.faults, ...inbox.faults], []);
  await home.close();
  await desk.close();
});

test('who is blocked is not heard, and can send the same again once they are not', async () => {
  const [home, desk] = [await it.device(), await it.device()];
  const page = await openPage(home, `${shop.base}/eve`);
  const eve = await chatOn(page);
  await eve.say('first');
  await eve.thread('first');
  const inbox = await openInbox(desk, it.base, it.demo);
  await inbox.locator('#items button', { hasText: 'Eve' }).click();
  const profile = inbox.locator('#profile');
  await profile.getByRole('button', { name: 'Block' }).click();
  await profile.getByRole('button', { name: 'Unblock' }).waitFor();
  await eve.say('second');
  await eve.chat.locator('#pending .error').waitFor();
  await eve.thread('first');
  // Nothing is offered that can't work.
  await eve.chat.locator('#blocked').waitFor();
  assert.equal(await eve.chat.getByRole('button', { name: 'Retry' }).count(), 0);
  await profile.getByRole('button', { name: 'Unblock' }).click();
  await profile.getByRole('button', { name: 'Block', exact: true }).waitFor();
  // Opened again, the chat tries again by itself.
  await eve.chat.locator('#close').click();
  await page.getByRole('button', { name: /^Open chat/ }).click();
  await eve.thread('first', 'second');
  await inbox.locator('#thread .text', { hasText: 'second' }).waitFor();
  assert.deepEqual([...page.faults, ...inbox.faults], []);
  await home.close();
  await desk.close();
});

test('an owner resets a claim with a reason, which the audit keeps', async () => {
  const [first, second, desk] = [await it.device(), await it.device(), await it.device()];
  const old = await chatOn(await openPage(first, `${shop.base}/old`));
  await old.say('under the old hash');
  await old.thread('under the old hash');
  const page = await openPage(second, `${shop.base}/new`);
  const refused = await chatOn(page);
  await refused.chat.locator('#form').waitFor();
  const { id } = await contactOf(it.base, it.demo, 'claimed');
  const inbox = await openInbox(desk, it.base, it.demo);
  await inbox.goto(`${it.base}/inbox#conversations/${id}`);
  await inbox.getByText('Identity proven by security hash').waitFor();
  await inbox.getByRole('button', { name: 'Reset the claim' }).click();
  await inbox.getByLabel('Reason').fill('the site changed its salt');
  await inbox.getByRole('dialog').getByRole('button', { name: 'Reset', exact: true }).click();
  await inbox.locator('#success', { hasText: 'The claim is reset' }).waitFor();
  await page.reload();
  await (await chatOn(page)).thread('under the old hash');
  await inbox.goto(`${it.base}/inbox#settings/audit`);
  await inbox.locator('td', { hasText: 'the site changed its salt' }).waitFor();
  assert.deepEqual([...page.faults, ...inbox.faults], []);
  for (const device of [first, second, desk]) await device.close();
});

test('contacts are searched, sorted, filtered by any attribute, and exported as they were found', async () => {
  const { base, demo } = it;
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
  const desk = await it.device({ acceptDownloads: true });
  const inbox = await openInbox(desk, base, demo);
  await inbox.getByRole('link', { name: 'Contacts' }).click();
  const names = () => inbox.locator('#people tr bdi').allTextContents();
  const found = (...expected) =>
    seen(
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
  await inbox.getByRole('button', { name: 'Add a condition' }).click();
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
  await inbox.getByText('Nobody was found.').waitFor();
  assert.deepEqual(inbox.faults, []);
  await desk.close();
});
