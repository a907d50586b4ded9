// Hostile texts in every field that can be filled in: both sides show them as plain text.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  reply,
  api,
  chatOn,
  contactOf,
  openInbox,
  openPage,
  loginAsOwner,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

const EVIL = `"'><img src=x onerror="top.owned=1"><script>top.owned=1</script>{{7*7}}\${7*7}`;
const MARK = '<img src=x';
let env;
before(async () => (env = await startEnvironment()));
after(async () => env?.stop());

/** Checks that no text became markup or ran as a script, in a page and its frames. */
async function inert(page, what) {
  for (const frame of page.frames()) {
    const found = await frame.evaluate(() => [
      document.querySelectorAll('img[src="x"], [onerror], [onmouseover], a[href^="javascript:" i]')
        .length,
      top === window ? window.owned : undefined,
    ]);
    assert.deepEqual(found, [0, undefined], what);
  }
  assert.deepEqual(page.errors, [], what);
}

test('texts of visitors, pages and teammates are inert on both sides', async () => {
  const { base, demo } = env;
  const asOwner = await loginAsOwner(base, demo);
  const { items } = await asOwner('GET', '/applications');
  const fields = [{ name: 'name', label: EVIL, type: 'text', required: true }];
  await asOwner('PATCH', `/applications/${items[0].appId}`, {
    name: EVIL,
    preChat: { enabled: true, fields },
    look: { color: `red;}*{display:none}${EVIL}`, side: EVIL },
  });
  await asOwner('PATCH', `/agents/${(await asOwner('GET', '/agents')).items[0].id}`, {
    name: EVIL,
  });

  const person = {
    user_id: EVIL,
    name: EVIL,
    company: EVIL,
    phone: EVIL.slice(0, 60),
    email: 'evil@example.com',
    custom_data: { evil: EVIL },
  };
  const shop = await site({
    '/visitor': snippet(base, demo, {}),
    '/evil': `<script>document.title = ${JSON.stringify(EVIL).replaceAll('<', '\\u003c')}; history.replaceState(0, '', '/evil?' + encodeURIComponent('<img src=x>') + '#<img src=x>')</script>${snippet(base, demo, person).replaceAll(/<(?=img|script>top|\/script>\{)/g, '\\u003c')}`,
  });
  const home = await env.device({ locale: 'en-US' });
  const visitor = await openPage(home, `${shop.base}/visitor`);
  const form = await chatOn(visitor);
  await form.chat.locator('#form label', { hasText: MARK }).waitFor();
  await inert(visitor, 'the form');
  await visitor.close();

  const page = await openPage(home, `${shop.base}/evil`);
  const chat = await chatOn(page);
  await waitUntil('the name', async () =>
    (await chat.chat.locator('#who').innerText()).includes(MARK),
  );
  await chat.say(
    `${EVIL} javascript:alert(1) data:text/html,x https://example.com/"onmouseover="x http://[::1 HTTPS://example.com/path).`,
  );
  await chat.chat.locator('#thread .text').first().waitFor();
  const links = await chat.chat
    .locator('#thread a')
    .evaluateAll((all) => all.map((link) => [link.getAttribute('href'), link.rel, link.target]));
  const safe = ['noopener noreferrer nofollow', '_blank'];
  assert.deepEqual(links, [
    ['https://example.com/', ...safe],
    ['HTTPS://example.com/path', ...safe],
  ]);
  await page.evaluate((evil) => {
    window.HelpCrunch('trackEvent', evil.slice(0, 64), { evil });
    window.HelpCrunch('typeUserMessage', evil);
    window.HelpCrunch('setLocalization', evil);
    window.HelpCrunch(evil, evil);
    window.HelpCrunch('__proto__', evil);
    window.HelpCrunch('constructor', evil);
  }, EVIL);
  const { id } = await contactOf(base, demo, EVIL);
  await api(base, demo, 'PATCH', `/contacts/${id}`, { tags: [EVIL] });
  await api(base, demo, 'POST', '/contacts', { name: EVIL, email: 'evil@example.com' });
  await reply(base, demo, id, EVIL);
  await asOwner('POST', `/conversations/${id}/messages`, {
    clientMessageId: crypto.randomUUID(),
    text: EVIL,
    kind: 'text',
  });
  await asOwner('POST', `/conversations/${id}/messages`, {
    clientMessageId: crypto.randomUUID(),
    text: EVIL,
    kind: 'note',
  });
  await waitUntil(
    'the answers',
    async () => (await chat.chat.locator('#thread .text').count()) === 3,
  );
  await waitUntil('who wrote', async () =>
    (await chat.chat.locator('#thread li').last().innerText()).includes(MARK),
  );
  await inert(page, 'the chat');

  const desk = await env.device();
  const inbox = await openInbox(desk, base, demo);
  await inbox.locator('#me', { hasText: MARK }).waitFor();
  await inbox.locator('#items button', { hasText: MARK }).first().click();
  await waitUntil(
    'the thread',
    async () => (await inbox.locator('#thread .text', { hasText: MARK }).count()) === 4,
  );
  const profile = inbox.locator('#profile');
  await profile.locator('.others', { hasText: MARK }).waitFor();
  await waitUntil(
    'all of the profile',
    async () => {
      const text = await profile.innerText();
      return (
        ['User ID', 'Company', 'Tags', 'evil', 'Last page', 'Events'].every((title) =>
          text.includes(title),
        ) && text.split(MARK).length > 7
      );
    },
    () => profile.innerText(),
  );
  await profile.getByRole('button', { name: /Merge/ }).first().click();
  await inbox.getByRole('dialog').getByText(MARK).first().waitFor();
  await inert(inbox, 'the conversation');
  for (const [part, sign] of [
    ['contacts', '#people tr'],
    [`contacts/${id}`, 'dialog h2 bdi'],
  ]) {
    await inbox.goto(`${base}/inbox#${part}`);
    await inbox.locator(sign, { hasText: MARK }).first().waitFor();
    await inert(inbox, part);
  }
  await inbox.getByRole('dialog').getByRole('button', { name: 'Edit' }).click();
  const name = inbox.getByRole('dialog', { name: 'Edit contact' }).getByLabel('Name');
  assert.ok((await name.inputValue()).includes(MARK));
  await inert(inbox, 'the edited person');
  await shop.stop();
  await home.close();
  await desk.close();
});

test('texts in files and settings are inert', async () => {
  const { base, demo } = env;
  const asOwner = await loginAsOwner(base, demo);
  await asOwner('POST', '/api-keys', { name: EVIL });
  await asOwner('POST', '/webhooks', {
    url: `https://example.com/${encodeURIComponent('<')}img?${MARK.replaceAll(' ', '+')}`,
    events: ['message.created'],
  });
  await asOwner('POST', '/blocked-addresses', { address: '203.0.113.7', reason: EVIL });
  await asOwner('POST', '/agents', { email: 'evil@example.com', name: EVIL, role: 'agent' });
  const { id } = await asOwner('POST', '/contacts', { userId: 'claimed' });
  await asOwner('PUT', `/contacts/${id}/security-hash`, { securityHash: 'a claim' });
  await asOwner('DELETE', `/contacts/${id}/security-hash`, { reason: EVIL });
  const desk = await env.device();
  const inbox = await openInbox(desk, base, demo);
  for (const [part, sign] of [
    ['settings/applications', '#settings h2'],
    ['settings/agents', '#settings tbody tr'],
    ['settings/keys', '#settings li'],
    ['settings/blocked', '#settings li'],
    ['settings/audit', '#settings td'],
  ]) {
    await inbox.goto(`${base}/inbox#${part}`);
    await inbox
      .locator(sign, { hasText: part === 'settings/applications' ? /./ : MARK })
      .first()
      .waitFor();
    await inert(inbox, part);
  }
  await inbox.goto(`${base}/inbox#settings/webhooks`);
  await inbox.locator('#settings h2', { hasText: 'example.com' }).waitFor();
  await inert(inbox, 'webhooks');
  await inbox.goto(`${base}/inbox#imports`);
  const cell = `"${EVIL.replaceAll('"', '""')}"`;
  const buffer = Buffer.from(
    `user_id,email,${cell}\nfile-1,${cell},${cell}\nfile-2,two@example.com,${cell}`,
  );
  await inbox.setInputFiles('#file', {
    name: `${MARK} onerror=top.owned=1>.csv`,
    mimeType: 'text/csv',
    buffer,
  });
  await inbox.getByRole('button', { name: 'Import', exact: true }).click();
  await inbox.locator('#past th', { hasText: MARK }).waitFor();
  await inbox.locator('#past td', { hasText: MARK }).first().waitFor();
  await inert(inbox, 'the preview');
  await inbox.getByRole('button', { name: 'Import 2 rows' }).click();
  await inbox.locator('#past strong', { hasText: MARK }).waitFor();
  await inbox.getByRole('button', { name: 'Show rows' }).click();
  await inbox.locator('#past pre', { hasText: MARK }).waitFor();
  await inert(inbox, 'the rejected rows');
  // An address of nothing that exists, and one that contains code.
  for (const hash of [
    `conversations/${encodeURIComponent(EVIL)}`,
    `accept/${encodeURIComponent(EVIL)}`,
    `settings/__proto__`,
    'constructor',
  ]) {
    await inbox.goto(`${base}/inbox#${hash}`);
    await inbox.locator('main').first().waitFor();
    await inert(inbox, hash);
  }
  await desk.close();
});
