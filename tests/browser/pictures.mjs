// Takes the README's pictures of each screen, light and dark: `npm run pictures`.
import { fileURLToPath } from 'node:url';
import {
  api,
  chatOn,
  openInbox,
  openPage,
  loginAsOwner,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

const FOLDER = fileURLToPath(new URL('../../services/gateway/web/pictures/', import.meta.url));
const env = await startEnvironment();
const { base, demo } = env;
const PEOPLE = ['Maria Keller', 'Tom Okafor', 'Li Wen', 'Ana Sousa', 'Jonas Berg', 'Priya Nair'];
const MESSAGES = [
  'Where is my order?',
  'Can I change the address?',
  'Thank you, that helped!',
  'The invoice lists two bikes, I bought one.',
  'Do you ship to Norway?',
  'How do I pay by invoice?',
];

const LIGHT_AND_DARK = '<meta name="color-scheme" content="light dark">';
const shop = await site({
  '/': `${LIGHT_AND_DARK}<main style="font:18px system-ui;padding:40px"><h1>Example shop</h1><p>A customer's page.</p></main>${snippet(base, demo, { user_id: '1000', name: PEOPLE[0], email: 'maria.keller@example.com', company: 'Keller Fahrräder', custom_data: { plan: 'gold', orders: 12 } })}`,
  '/visitor': `${LIGHT_AND_DARK}<main style="font:18px system-ui;padding:40px"><h1>Example shop</h1><p>A customer's page.</p></main>${snippet(base, demo, {})}`,
});

/** Each contact sends a message; Maria and an agent continue. */
async function fill() {
  for (const [n, name] of PEOPLE.entries()) {
    const user = {
      user_id: String(1000 + n),
      name,
      email: `${name.toLowerCase().replace(' ', '.')}@example.com`,
    };
    const { organization, applicationId, applicationSecret } = demo;
    const post = async (path, body, token) => {
      const headers = {
        'Content-Type': 'application/json',
        ...(token && { Authorization: `Bearer ${token}` }),
      };
      return (
        await fetch(`${base}/widget/v1${path}`, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        })
      ).json();
    };
    const { session, contact } = await post('/init', {
      organization,
      applicationId,
      applicationSecret,
      user,
    });
    await post(
      '/messages',
      { clientMessageId: crypto.randomUUID(), text: MESSAGES[n] },
      session.token,
    );
    if (n === 0) {
      const asOwner = await loginAsOwner(base, demo);
      await asOwner('PATCH', `/agents/${(await asOwner('GET', '/agents')).items[0].id}`, {
        name: 'Emma Brandt',
      });
      const say = (text, kind = 'text') =>
        asOwner('POST', `/conversations/${contact.id}/messages`, {
          clientMessageId: crypto.randomUUID(),
          text,
          kind,
        });
      await say('Good morning Maria, it left us yesterday and should be with you today.');
      await say('Asked the carrier to ring twice.', 'note');
      await post(
        '/messages',
        { clientMessageId: crypto.randomUUID(), text: 'Wonderful, thank you!' },
        session.token,
      );
    }
  }
  const rows = Array.from({ length: 300 }, (_, n) => `p-${n},p${n}@example.com,Person ${n}`);
  const body = ['user_id,email,name', ...rows, 'p-1,again@example.com,Twice'].join('\n');
  await fetch(`${base}/v1/imports`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${demo.apiKey}`, 'Content-Type': 'text/csv' },
    body,
  });
}

/** Fills the settings of the organization. */
async function settle() {
  const asOwner = await loginAsOwner(base, demo);
  for (const [name, role] of [
    ['Nora Lind', 'agent'],
    ['Sam Achebe', 'owner'],
  ])
    await asOwner('POST', '/agents', {
      email: `${name.split(' ')[0].toLowerCase()}@shop.example`,
      name,
      role,
    });
  await asOwner('POST', '/api-keys', { name: 'Shop backend' });
  await asOwner('POST', '/webhooks', {
    url: 'https://shop.example/hooks/chat',
    events: ['message.created', 'conversation.closed'],
  });
  await asOwner('POST', '/blocked-addresses', { address: '203.0.113.7', reason: 'Advertising' });
  await asOwner('POST', '/identity-keys', {});
  await api(base, demo, 'POST', '/contacts', {
    name: 'M. Keller',
    email: 'maria.keller@example.com',
    phone: '+49 30 5550100',
  });
}

const widgets = { chat: '/', form: '/visitor' };
/** The parts of the inbox: the name of the picture, the address, and an element that shows that it has loaded. */
const SCREENS = [
  ['contacts', 'contacts', '#people tr'],
  ['imports', 'imports', '#past li'],
  ['identity', 'settings/identity', '#settings form'],
  ['applications', 'settings/applications', '#settings article'],
  ['team', 'settings/agents', '#settings tbody tr'],
  ['keys', 'settings/keys', '#settings li'],
  ['webhooks', 'settings/webhooks', '#settings article'],
  ['blocked', 'settings/blocked', '#settings li'],
  ['audit', 'settings/audit', '#settings td'],
  ['password', 'settings/password', '#settings form'],
];

async function takeAll(colorScheme, name, step) {
  const device = await env.device({
    colorScheme,
    ...(name in widgets || name === 'demo'
      ? { viewport: { width: 800, height: 640 } }
      : { viewport: { width: 1200, height: 720 } }),
  });
  await step(device, (page, as = name) =>
    page.screenshot({
      path: `${FOLDER}${as}-${colorScheme}.png`,
      animations: 'disabled',
      caret: 'hide',
    }),
  );
  await device.close();
}

const SCHEMES = ['light', 'dark'];
// Before the first message.
for (const scheme of SCHEMES) {
  await takeAll(scheme, 'first-steps', async (device, take) => {
    const login = await openPage(device, `${base}/inbox`);
    await login.locator('#login form').waitFor();
    await take(login, 'login');
    await login.close();
    const inbox = await openInbox(device, base, demo);
    await inbox.locator('#first-steps pre').waitFor();
    await take(inbox);
  });
}
await fill();
await settle();
for (const scheme of SCHEMES) {
  for (const [name, path] of Object.entries(widgets)) {
    await takeAll(scheme, name, async (device, take) => {
      const page = await openPage(device, shop.base + path);
      const { chat } = await chatOn(page);
      await (
        name === 'form' ? chat.locator('#form') : chat.locator('#thread .text').nth(2)
      ).waitFor();
      await take(page);
    });
  }
  await takeAll(scheme, 'demo', async (device, take) => {
    const page = await openPage(device, `${base}/demo`);
    await page.locator('onethread-widget button').waitFor();
    await take(page);
  });
  await takeAll(scheme, 'inbox', async (device, take) => {
    const inbox = await openInbox(device, base, demo);
    await inbox.locator('#items button', { hasText: PEOPLE[0] }).click();
    await inbox.locator('#profile h2').waitFor();
    await inbox.locator('#thread .note').waitFor();
    await inbox.locator('.others').waitFor();
    await inbox.locator('.line-item[aria-current] .count').waitFor({ state: 'detached' });
    await take(inbox);
    await inbox.locator('.others button').click();
    await inbox.getByRole('dialog').waitFor();
    await take(inbox, 'join');
    await inbox.keyboard.press('Escape');
    for (const [as, part, sign] of SCREENS) {
      await inbox.goto(`${base}/inbox#${part}`);
      await inbox.locator(sign).first().waitFor();
      await take(inbox, as);
    }
    await inbox.goto(`${base}/inbox#imports`);
    const people =
      'Kundennummer;E-Mail;Name;Tarif\n2001;ines@example.com;Inês Rocha;gold\n2002;otto@example.com;Otto Vogel;silver\n2003;mia@example.com;Mia Holm;gold';
    await inbox.setInputFiles('#file', {
      name: 'kunden.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(people),
    });
    await inbox.getByRole('button', { name: 'Import', exact: true }).click();
    await inbox.getByLabel('Tarif becomes').selectOption('custom.Tarif');
    await take(inbox, 'mapping');
    await inbox.getByRole('button', { name: 'Cancel' }).click();
  });
}
await shop.stop();
await env.stop();
