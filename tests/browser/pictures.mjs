// Takes the README's pictures of each screen, light and dark: `npm run pictures`.
import { fileURLToPath } from 'node:url';
import { api, chatOn, openInbox, openPage, site, snippet, stage } from './harness.mjs';

const FOLDER = fileURLToPath(new URL('../../services/gateway/web/pictures/', import.meta.url));
const it = await stage();
const { base, demo } = it;
const PEOPLE = ['Maria Keller', 'Tom Okafor', 'Li Wen', 'Ana Sousa', 'Jonas Berg', 'Priya Nair'];
const SAID = ['Where is my order?', 'Can I change the address?', 'Thank you, that helped!', 'The invoice lists two bikes, I bought one.', 'Do you ship to Norway?', 'How do I pay by invoice?'];

const shop = await site({
  '/': `<main style="font:18px system-ui;padding:40px"><h1>Example shop</h1><p>A customer's page.</p></main>${snippet(base, demo, { user_id: '1000', name: PEOPLE[0], email: 'maria.keller@example.com', company: 'Keller Fahrräder', custom_data: { plan: 'gold', orders: 12 } })}`,
  '/visitor': `<main style="font:18px system-ui;padding:40px"><h1>Example shop</h1><p>A customer's page.</p></main>${snippet(base, demo, {})}`,
});

/** Everybody writes once; Maria and an agent go on. */
async function fill() {
  for (const [n, name] of PEOPLE.entries()) {
    const user = { user_id: String(1000 + n), name, email: `${name.toLowerCase().replace(' ', '.')}@example.com` };
    const { organization, applicationId, applicationSecret } = demo;
    const post = async (path, body, token) => {
      const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
      return (await fetch(`${base}/widget/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
    };
    const { session, contact } = await post('/init', { organization, applicationId, applicationSecret, user });
    await post('/messages', { clientMessageId: crypto.randomUUID(), text: SAID[n] }, session.token);
    if (n === 0) {
      const say = (text, kind = 'text') => api(base, demo, 'POST', `/conversations/${contact.id}/messages`, { clientMessageId: crypto.randomUUID(), text, kind });
      await say('Good morning Maria, it left us yesterday and should be with you today.');
      await say('Asked the carrier to ring twice.', 'note');
      await post('/messages', { clientMessageId: crypto.randomUUID(), text: 'Wonderful, thank you!' }, session.token);
    }
  }
  const rows = Array.from({ length: 300 }, (_, n) => `p-${n},p${n}@example.com,Person ${n}`);
  const body = ['user_id,email,name', ...rows, 'p-1,again@example.com,Twice'].join('\n');
  await fetch(`${base}/v1/imports`, { method: 'POST', headers: { Authorization: `Bearer ${demo.apiKey}`, 'Content-Type': 'text/csv' }, body });
}

await fill();
for (const colorScheme of ['light', 'dark']) {
  const take = (page, name) => page.screenshot({ path: `${FOLDER}${name}-${colorScheme}.png`, animations: 'disabled', caret: 'hide' });
  const home = await it.device({ colorScheme, viewport: { width: 800, height: 640 } });
  const page = await openPage(home, shop.base);
  await (await chatOn(page)).chat.locator('#thread .text').nth(2).waitFor();
  await take(page, 'chat');
  await page.goto(`${shop.base}/visitor`);
  await (await chatOn(page)).chat.locator('#form').waitFor();
  await take(page, 'form');
  await page.goto(`${base}/demo`);
  await page.locator('onethread-widget button').waitFor();
  await take(page, 'demo');
  const desk = await it.device({ colorScheme, viewport: { width: 1120, height: 640 } });
  const inbox = await openInbox(desk, base, demo);
  await inbox.locator('#items button', { hasText: PEOPLE[0] }).click();
  await inbox.locator('#profile h2').waitFor();
  await inbox.locator('#thread .note').waitFor();
  await take(inbox, 'inbox');
  for (const [part, sign] of [['contacts', '#people tr'], ['imports', '#past li'], ['settings/identity', '#settings form'], ['settings/applications', '#settings article']]) {
    await inbox.goto(`${base}/inbox#${part}`);
    await inbox.locator(sign).first().waitFor();
    await take(inbox, part.split('/').at(-1));
  }
  await home.close();
  await desk.close();
}
await shop.stop();
await it.stop();
