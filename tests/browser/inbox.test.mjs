// The tasks of owners and agents in the inbox, from the first steps on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import {
  api,
  chatOn,
  openInbox,
  openPage,
  loginAsOwner,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

let env;
before(async () => (env = await startEnvironment()));
after(async () => env?.stop());

const post = (path, body) =>
  fetch(`${env.base}/widget/v1${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
const init = ({ organization, applicationId, applicationSecret } = env.demo, user = {}) =>
  post('/init', { organization, applicationId, applicationSecret, user });

test('the first steps of a new owner lead to a message and its reply', async () => {
  const desk = await env.device();
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.locator('#first-steps').waitFor();
  await desk.grantPermissions(['clipboard-read', 'clipboard-write']);
  await inbox.getByRole('button', { name: 'Copy snippet' }).click();
  await inbox.locator('#success', { hasText: 'Copied' }).waitFor();
  const copied = await inbox.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /HelpCrunch\('init'/);
  const [page] = await Promise.all([
    desk.waitForEvent('page'),
    inbox.getByRole('link', { name: 'Open the demo page' }).click(),
  ]);
  const customer = await chatOn(page);
  await customer.fillForm({ name: 'First Customer', email: 'first@example.com' });
  await customer.say('Hello?');
  await inbox.locator('#items button', { hasText: 'First Customer' }).click();
  await inbox.fill('#answer-text', 'Hello!');
  await inbox.press('#answer-text', 'Enter');
  await customer.thread('Hello?', 'Hello!');
  await inbox.getByRole('link', { name: 'Conversations' }).click();
  await inbox.getByText('Select a conversation.').waitFor();
  // The copied snippet works unchanged on a page of another origin.
  const shop = await site({ '/': copied });
  const own = await openPage(await env.device(), shop.base);
  await (await chatOn(own)).chat.locator('#form').waitFor();
  assert.deepEqual([...inbox.errors, ...own.errors], []);
  await shop.stop();
  await desk.close();
});

test('an agent writes first, and the contact sees it at the next visit', async () => {
  const { base, demo } = env;
  const { id } = await api(base, demo, 'POST', '/contacts', {
    userId: 'silent',
    name: 'Silent Person',
  });
  const desk = await env.device();
  const inbox = await openInbox(desk, base, demo);
  await inbox.goto(`${base}/inbox#contacts/${id}`);
  await inbox.getByRole('link', { name: 'Open conversation' }).click();
  await inbox.getByText('No messages yet.').waitFor();
  await inbox.fill('#answer-text', 'How are you getting on?');
  await inbox.press('#answer-text', 'Enter');
  await inbox.locator('#thread .mine .text', { hasText: 'How are you getting on?' }).waitFor();
  await inbox.locator('#items button', { hasText: 'Silent Person' }).waitFor();
  const shop = await site({ '/': snippet(base, demo, { user_id: 'silent' }) });
  const page = await openPage(await env.device(), shop.base);
  await page.getByRole('button', { name: 'Open chat, 1 unread' }).waitFor();
  const person = await chatOn(page);
  await person.thread('How are you getting on?');
  await person.say('Very well');
  await inbox.locator('#thread .text', { hasText: 'Very well' }).waitFor();
  assert.deepEqual([...inbox.errors, ...page.errors], []);
  await shop.stop();
  await desk.close();
});

test('contacts with the same email are listed beside the thread, and one is merged after a preview', async () => {
  const { base, demo } = env;
  const shop = await site({
    '/': snippet(base, demo, { user_id: 'ana', name: 'Ana', email: 'ana@example.com' }),
  });
  const home = await env.device();
  const page = await openPage(home, shop.base);
  const ana = await chatOn(page);
  await ana.say('I am Ana');
  await ana.thread('I am Ana');
  const other = await api(base, demo, 'POST', '/contacts', {
    name: 'Ana by hand',
    email: 'ana@example.com',
    phone: '+351 21 555',
  });
  const desk = await env.device();
  const inbox = await openInbox(desk, base, demo);
  await inbox.locator('#items button', { hasText: 'Ana' }).click();
  const beside = inbox.locator('#profile .others');
  await beside.getByText('Ana by hand').waitFor();
  await beside.getByRole('button', { name: /Merge/ }).click();
  const dialog = inbox.getByRole('dialog', { name: 'Merge contacts' });
  await dialog.getByText('+351 21 555').waitFor();
  // The preview changes nothing.
  assert.equal((await api(base, demo, 'GET', `/contacts/${other.id}`)).name, 'Ana by hand');
  await dialog.getByRole('button', { name: 'Merge', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await inbox.locator('#profile dd', { hasText: '+351 21 555' }).waitFor();
  await assert.rejects(api(base, demo, 'GET', `/contacts/${other.id}`), /404/);
  assert.deepEqual(inbox.errors, []);
  await shop.stop();
  await home.close();
  await desk.close();
});

test('the rejected rows of an import can be read and downloaded, and the import stays in the list', async () => {
  const desk = await env.device({ acceptDownloads: true });
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.getByRole('link', { name: 'Imports' }).click();
  const buffer = Buffer.from(
    'user_id,email,name,plan\nr-1,one@example.com,One,gold\nr-2,no address,Two,gold\nr-1,again@example.com,Again,silver',
  );
  // Drag and drop.
  const file = await inbox.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], 'mixed.csv', { type: 'text/csv' }));
    return transfer;
  }, buffer.toString());
  await inbox.dispatchEvent('#upload', 'drop', { dataTransfer: file });
  await inbox.getByRole('button', { name: 'Import', exact: true }).click();
  await inbox.getByLabel('plan becomes').selectOption('custom.plan');
  await inbox.getByRole('button', { name: 'Import 3 rows' }).click();
  const past = inbox.locator('#past li', { hasText: 'mixed.csv' });
  await past.getByText(/1 created.*2 rejected/).waitFor();
  await past.getByRole('button', { name: 'Show rows' }).click();
  await past.locator('pre', { hasText: 'no address' }).waitFor();
  const [download] = await Promise.all([
    inbox.waitForEvent('download'),
    past.getByRole('link', { name: /2 rejected rows/ }).click(),
  ]);
  const lines = readFileSync(await download.path(), 'utf8')
    .trim()
    .split(/\r?\n/);
  assert.match(lines[0], /^user_id,email,name,plan,rejected_line,rejected_column,rejected_reason$/);
  assert.equal(lines.length, 3);
  await inbox.reload();
  await past.getByText(/1 created.*2 rejected/).waitFor();
  assert.equal(
    (
      await api(env.base, env.demo, 'POST', '/contacts/search', {
        filter: [{ field: 'custom.plan', operator: '=', value: 'gold' }],
      })
    ).items.length,
    1,
  );
  assert.deepEqual(inbox.errors, []);
  await desk.close();
});

test('failed verifications are counted, and the code for the server produces valid proofs', async () => {
  const desk = await env.device();
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.goto(`${env.base}/inbox#settings/identity`);
  await inbox.getByRole('radio', { name: /^User hash/ }).check();
  await inbox.getByRole('checkbox', { name: /Report only/ }).check();
  await inbox.getByRole('button', { name: 'Save' }).click();
  await inbox.getByText('User hash: no failed verifications yet.').waitFor();
  for (let n = 0; n < 3; n++)
    assert.equal(
      (await init(env.demo, { user_id: 'unproven' })).status,
      200,
      'a report-only policy rejects no login',
    );
  await waitUntil('the count', async () => {
    await inbox.reload();
    await inbox.locator('#settings form').waitFor();
    return inbox
      .locator('#refused', { hasText: 'User hash: 3 verifications would have failed.' })
      .waitFor({ timeout: 2000 })
      .then(
        () => true,
        () => false,
      );
  });
  await inbox.getByRole('button', { name: 'Create key' }).click();
  const key = await inbox.locator('.secret code').innerText();
  await inbox.getByRole('checkbox', { name: /Report only/ }).uncheck();
  await inbox.getByRole('button', { name: 'Save' }).click();
  await inbox.locator('#success', { hasText: 'Saved' }).waitFor();
  assert.equal((await init(env.demo, { user_id: 'proven' })).status, 403);
  // Runs the code as a customer's server does, in the languages that the tests need anyway.
  const runs = {
    'Node.js': (code) => [
      'node',
      '-e',
      `const [IDENTITY_KEY, userId] = process.argv.slice(1);\n${code}\nconsole.log(userHash)`,
    ],
    Python: (code) => [
      'python3',
      '-c',
      `import sys\nIDENTITY_KEY, user_id = sys.argv[1:]\n${code}\nprint(user_hash)`,
    ],
  };
  const languages = await inbox.getByLabel('Language').locator('option').allTextContents();
  assert.equal(languages.length, 5);
  for (const [language, run] of Object.entries(runs)) {
    await inbox.getByLabel('Language').selectOption({ label: language });
    const [program, ...args] = run(await inbox.locator('#user-hash').innerText());
    const { stdout, stderr } = spawnSync(program, [...args, key, 'proven'], { encoding: 'utf8' });
    assert.equal(
      (await init(env.demo, { user_id: 'proven', user_hash: stdout.trim() })).status,
      200,
      `${language}: ${stdout}${stderr}`,
    );
  }
  const organization = await loginAsOwner(env.base, env.demo);
  await organization('PATCH', '/organization', { policy: 'optional', reportOnly: false });
  assert.deepEqual(inbox.errors, []);
  await desk.close();
});

test('an invited agent sets a password and sees no settings of owners', async () => {
  const desk = await env.device();
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.goto(`${env.base}/inbox#settings/agents`);
  await inbox.locator('input[name="email"]').fill('new@example.com');
  await inbox.locator('input[name="name"]').fill('New Agent');
  await inbox.getByRole('button', { name: 'Invite', exact: true }).click();
  const link = await inbox.locator('.secret code').innerText();
  const own = await env.device();
  const first = await openPage(own, link);
  await first.locator('input[name="password"]').fill('a long password');
  await first.getByRole('button', { name: 'Set password' }).click();
  await first.getByRole('link', { name: 'Conversations' }).waitFor();
  await first.getByRole('button', { name: 'Log out' }).click();
  await first.locator('#login').waitFor();
  await first.close();
  const agent = await openInbox(own, env.base, {
    ...env.demo,
    agent: { email: 'new@example.com', password: 'a long password' },
  });
  await agent.getByRole('link', { name: 'Settings' }).click();
  await agent.getByRole('heading', { name: 'Password' }).waitFor();
  assert.deepEqual(await agent.locator('#settings nav a').allTextContents(), ['Password']);
  // A removal needs a confirmation, and ends the session at once.
  const row = inbox.locator('tr', { hasText: 'new@example.com' });
  await row.getByRole('button', { name: 'Remove' }).click();
  await inbox.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await row.count(), 1);
  await row.getByRole('button', { name: 'Remove' }).click();
  await inbox.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await row.waitFor({ state: 'detached' });
  await agent.locator('#login').waitFor();
  assert.deepEqual([...inbox.errors, ...agent.errors], []);
  await desk.close();
  await own.close();
});

test('errors stay until they are read: the last owner, and fields of a form', async () => {
  const { base, demo } = env;
  const desk = await env.device();
  const inbox = await openInbox(desk, base, demo);
  await inbox.goto(`${base}/inbox#settings/agents`);
  const role = inbox.getByLabel(`Role of ${demo.agent.email}`);
  await role.selectOption('agent');
  const trouble = inbox.locator('#trouble');
  await trouble.getByText('This is the last owner').waitFor();
  assert.equal(await role.inputValue(), 'owner');
  await inbox.waitForTimeout(500);
  assert.match(await trouble.textContent(), /Make another agent an owner first/);

  await inbox.goto(`${base}/inbox#settings/webhooks`);
  const url = inbox.getByLabel('Endpoint URL');
  await url.fill('http://10.0.0.1/hook');
  await inbox.locator('form input[type="checkbox"]').first().check();
  await inbox
    .locator('form')
    .getByRole('button', { name: /webhook/i })
    .click();
  const hint = inbox.locator('form .error', { hasText: 'private' });
  await hint.first().waitFor();
  assert.equal(await url.getAttribute('aria-invalid'), 'true');
  assert.equal(await url.inputValue(), 'http://10.0.0.1/hook');
  await desk.close();
});
