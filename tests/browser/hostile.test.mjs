// Hostile texts, in every field that somebody can fill: shown as the letters they are, on both sides.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  answer,
  api,
  chatOn,
  contactOf,
  openInbox,
  openPage,
  owner,
  seen,
  site,
  snippet,
  stage,
} from './harness.mjs';

const EVIL = `"'><img src=x onerror="top.owned=1"><script>top.owned=1</script>{{7*7}}\${7*7}`;
const MARK = '<img src=x';
let it;
before(async () => (it = await stage()));
after(async () => it?.stop());

/** Nothing of a text became markup or ran, in a page and all its frames. */
async function inert(page, what) {
  for (const frame of page.frames()) {
    const found = await frame.evaluate(() => [
      document.querySelectorAll('img[src="x"], [onerror], [onmouseover], a[href^="javascript:" i]')
        .length,
      top === window ? window.owned : undefined,
    ]);
    assert.deepEqual(found, [0, undefined], what);
  }
  assert.deepEqual(page.faults, [], what);
}

test('what a person, a page or a teammate says is inert on both sides', async () => {
  const { base, demo } = it;
  const own = await owner(base, demo);
  const { items } = await own('GET', '/applications');
  const fields = [{ name: 'name', label: EVIL, type: 'text', required: true }];
  await own('PATCH', `/applications/${items[0].appId}`, {
    name: EVIL,
    preChat: { enabled: true, fields },
    look: { color: `red;}*{display:none}${EVIL}`, side: EVIL },
  });
  await own('PATCH', `/agents/${(await own('GET', '/agents')).items[0].id}`, { name: EVIL });

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
  const home = await it.device({ locale: 'en-US' });
  const visitor = await openPage(home, `${shop.base}/visitor`);
  const form = await chatOn(visitor);
  await form.chat.locator('#form label', { hasText: MARK }).waitFor();
  await inert(visitor, 'the form');
  await visitor.close();

  const page = await openPage(home, `${shop.base}/evil`);
  const chat = await chatOn(page);
  await seen('the name', async () => (await chat.chat.locator('#who').innerText()).includes(MARK));
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
  await answer(base, demo, id, EVIL);
  await own('POST', `/conversations/${id}/messages`, {
    clientMessageId: crypto.randomUUID(),
    text: EVIL,
    kind: 'text',
  });
  await own('POST', `/conversations/${id}/messages`, {
    clientMessageId: crypto.randomUUID(),
    text: EVIL,
    kind: 'note',
  });
  await seen('the answers', async () => (await chat.chat.locator('#thread .text').count()) === 3);
  await seen('who wrote', async () =>
    (await chat.chat.locator('#thread li').last().innerText()).includes(MARK),
  );
  await inert(page, 'the chat');

  const desk = await it.device();
  const inbox = await openInbox(desk, base, demo);
  await inbox.locator('#me', { hasText: MARK }).waitFor();
  await inbox.locator('#items button', { hasText: MARK }).first().click();
  await seen(
    'the thread',
    async () => (await inbox.locator('#thread .text', { hasText: MARK }).count()) === 4,
  );
  const profile = inbox.locator('#profile');
  await profile.locator('.others', { hasText: MARK }).waitFor();
  await seen(
    'all of the profile',
    async () => {
      const text = await profile.innerText();
      return (
        ['User id', 'Company', 'Tags', 'evil', 'Page', 'Events'].every((title) =>
          text.includes(title),
        ) && text.split(MARK).length > 7
      );
    },
    () => profile.innerText(),
  );
  await profile.getByRole('button', { name: /Join/ }).first().click();
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
  const name = inbox.getByRole('dialog', { name: 'Edit the person' }).getByLabel('Name');
  assert.ok((await name.inputValue()).includes(MARK));
  await inert(inbox, 'the edited person');
  await shop.stop();
  await home.close();
  await desk.close();
});

test('what stands in files and settings is inert', async () => {
  const { base, demo } = it;
  const own = await owner(base, demo);
  await own('POST', '/api-keys', { name: EVIL });
  await own('POST', '/webhooks', {
    url: `https://example.com/${encodeURIComponent('<')}img?${MARK.replaceAll(' ', '+')}`,
    events: ['message.created'],
  });
  await own('POST', '/blocked-addresses', { address: '203.0.113.7', reason: EVIL });
  await own('POST', '/agents', { email: 'evil@example.com', name: EVIL, role: 'agent' });
  const { id } = await own('POST', '/contacts', { userId: 'claimed' });
  await own('PUT', `/contacts/${id}/security-hash`, { securityHash: 'a claim' });
  await own('DELETE', `/contacts/${id}/security-hash`, { reason: EVIL });
  const desk = await it.device();
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
  await inbox.getByRole('button', { name: 'Read them here' }).click();
  await inbox.locator('#past pre', { hasText: MARK }).waitFor();
  await inert(inbox, 'the rejected rows');
  // An address that names nothing, and one that would be code.
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
