// The script that a customer's page loads: the button, the frame, and the device token, which only the page can store.
// The chat itself is in the frame, on the gateway's origin. Nothing here may throw into the page.
import { isSupported, store } from '../shared/browser';
import {
  LOST,
  type EventName,
  type FromFrame,
  type FromPage,
  type Init,
  type Labels,
  type Look,
  type Page,
  type User,
} from '../shared/protocol';
import { handOver, install } from './globals';
import { addStyle, buildSurface, type Surface } from './surface';

/** A message of the frame, with the members of all kinds of messages. */
type FrameMessage = FromFrame & {
  deviceToken: string;
  unread: number;
  look?: Look;
  labels: Labels;
  name: EventName;
  detail?: unknown;
  text: string;
  style: string;
  user: string;
};

const EVENTS =
  'Ready,ChatOpen,ChatClose,NewUnreadChat,NewUnreadMessages,UnreadCountChange,Message,CustomerMessage,AgentMessage,PreChatFormSubmit,Error,IdentityRefused,SessionEnded'
    .split(',')
    .map((name) => `on${name}`);
// HelpCrunch's methods that have no counterpart here.
const WITHOUT_EFFECT = [
  'setOperatingHours',
  'setMediaCSS',
  'openKBArticle',
  'sendProactiveChatAutoMessage',
];
// How long after a start another tab may turn out to have started at the same time.
const RACE_WINDOW_MS = 3000;
const START_TIMEOUT_MS = 15_000;

const d = document;
const warn = (...problem: unknown[]) => console.warn('Onethread:', ...problem);

/** A value as JSON, with a mark for each value that JSON would drop, clear or change; the frame decides about those. */
const pack = (value: unknown) =>
  JSON.stringify(value ?? {}, function (this: any, key, json) {
    const raw = this[key];
    const type = typeof raw;
    if (type === 'bigint') return `${raw}`;
    const lost =
      type === 'number'
        ? !(Math.abs(raw) < 2 ** 53)
        : /^(u|f|sy)/.test(type) || (json === null && raw);
    return lost ? { [LOST]: String(raw) } : json;
  });

function start(script: HTMLScriptElement) {
  const { origin } = new URL(script.src);
  // Set by the page for apps, which the chat fills completely.
  const { full, platform = 'web' } = script.dataset as { full?: string; platform?: 'web' };

  let user: string | undefined; // the packed user of init, or of the frame since
  let applicationSecret: string | undefined;
  let address = ''; // the application in the query of the frame's address: the server checks its allowed origins
  let sent: string | null = null; // the device token that the frame started with
  let surface: Surface | undefined;
  let raceUntil = 0;
  let ready = false; // the frame is listening
  let available = false; // there is a session, or was one
  let wanted = false; // showChatWidget was called
  let open = !!full;
  let unread = 0;
  let frameVisible: boolean | undefined; // the visibility that was last sent to the frame
  let labels: Labels = { open: 'Open chat', close: 'Close chat', unread: 'unread' };
  let locale = navigator.language;
  let muted = false;
  const host = d.createElement('onethread-widget');
  const tokens = store('localStorage');
  const listeners: Record<string, ((detail?: unknown) => void)[]> = {};
  const unsent: FromPage[] = []; // messages from before the frame was ready
  const waiting: Parameters<typeof call>[] = []; // calls from before init

  const methods: Record<string, (...args: any[]) => void> = {
    init(organization: string, options: Partial<Init> = {}) {
      const { applicationId, appId } = options;
      if (!organization || typeof organization !== 'string')
        return warn("'init' needs an organization.");
      if (!appId && !(applicationId && options.applicationSecret))
        return warn("'init' needs applicationId with applicationSecret, or appId.");
      const named = `${new URLSearchParams(appId ? { organization, appId } : { organization, applicationId: applicationId as string })}`;
      const packed = pack(options.user);
      if (address && address !== named)
        return warn("'init' came for another application: reload the page to change it.");
      if (address) return post({ onethread: 'init', user: packed });
      address = named;
      user = packed;
      ({ applicationSecret } = options);
      if (d.body) build();
      else d.addEventListener('DOMContentLoaded', build);
      waiting.splice(0).forEach((args) => call(...args));
    },
    showChatWidget: () => draw((wanted = true)),
    hideChatWidget: () => draw((wanted = open = false)),
    openChat: () => setOpen(true),
    closeChat: () => setOpen(false),
    userAuth: (user: User) => post({ onethread: 'auth', user: pack(user) }),
    updateUser: (user: User) => post({ onethread: 'update', user: pack(user) }),
    updateUserData: (data: Record<string, unknown>) => methods.updateUser!({ custom_data: data }),
    logout: () => post({ onethread: 'logout' }),
    trackEvent: (name: string, data?: Record<string, unknown>) =>
      post({ onethread: 'track', name, data: pack(data) }),
    sendUserMessage: (text: string) => post({ onethread: 'say', text: `${text}` }),
    typeUserMessage: (text: string) => (
      setOpen(true),
      post({ onethread: 'type', text: `${text}` })
    ),
    muteNotificationSound: (on = true) => post({ onethread: 'mute', muted: (muted = !!on) }),
    setLocalization: (language: string) =>
      post({ onethread: 'locale', locale: (locale = `${language}`) }),
    setChatButtonOffset({ right, left, bottom }: Record<string, number> = {}) {
      for (const [name, value] of [
        ['--side', right ?? left],
        ['--bottom', bottom],
      ] as const)
        if (value !== undefined) host.style.setProperty(name, `${+value}px`);
    },
  };
  methods.logOut = methods.logout!;
  methods.forceUpdateUser = methods.updateUser!;
  methods.setPhraseList = methods.setLocalization!;
  for (const name of WITHOUT_EFFECT) methods[name] = () => warn(`'${name}' has no effect here.`);

  // By the kind of the frame's message.
  const handlers: Record<string, (message: FrameMessage) => void> = {
    ready() {
      ready = true;
      frameVisible = undefined;
      begin();
      unsent.splice(0).forEach(post);
    },
    device({ deviceToken }) {
      const token = tokens.get(tokenKey());
      if (!sent) {
        // Another tab started at the same time and was first: this one continues with its device token.
        if (token && token !== deviceToken) return begin();
        raceUntil = Date.now() + RACE_WINDOW_MS;
      }
      tokens.set(tokenKey(), (sent = deviceToken));
    },
    state(state) {
      available = true;
      ({ unread, labels } = state);
      addStyle(host.shadowRoot!, state.style, script);
      const { color, ink, side } = state.look ?? {};
      if (color) host.style.setProperty('--color', color);
      if (ink) host.style.setProperty('--ink', ink);
      host.dataset.side = side ?? '';
      draw();
    },
    user: (message) => void ({ user } = message),
    forget: () => tokens.set(tokenKey(), (sent = null)),
    event: ({ name, detail }) => emit(name, detail),
    where: () => post({ onethread: 'page' }),
    restart: begin,
    close() {
      setOpen(false);
      if (wanted) surface!.button.focus();
    },
    problem: ({ text }) => warn(text),
  };

  const call = (method: string, ...args: any[]) => {
    try {
      if (EVENTS.includes(method)) {
        (listeners[method] ??= []).push(args[0]);
        if (method === 'onReady' && available) args[0]();
      } else if (!Object.hasOwn(methods, method))
        warn(`'${method}' isn't one of ${Object.keys(methods)},${EVENTS}.`);
      else if (address || method === 'init') methods[method]!(...args);
      else waiting.push([method, ...args]);
    } catch (error) {
      warn(method, 'failed:', error);
    }
  };

  function emit(name: EventName, detail?: any) {
    // HelpCrunch's listeners read the values from the event or from its detail.
    const event = typeof detail === 'object' ? { ...detail, detail } : detail;
    for (const listener of listeners[name] ?? []) {
      try {
        listener(event);
      } catch (error) {
        warn(name, 'failed:', error);
      }
    }
  }

  const tokenKey = () => `onethread:${address}`;

  function here(): Page {
    return { url: location.href, title: `${d.title}`, referrer: d.referrer };
  }

  function post(message: FromPage) {
    if (ready) surface!.frame.contentWindow?.postMessage({ ...message, page: here() }, origin);
    else unsent.push(message);
  }

  function begin() {
    if (!ready) return;
    sent = tokens.get(tokenKey());
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const { direction: dir, colorScheme } = getComputedStyle(d.documentElement);
    const scheme =
      colorScheme === 'normal'
        ? (d.querySelector('meta[name=color-scheme]') as HTMLMetaElement)?.content
        : colorScheme;
    post({
      onethread: 'start',
      user: user!,
      applicationSecret,
      deviceToken: sent,
      platform,
      locale,
      timeZone,
      muted,
      dir,
      scheme,
    });
  }

  function setOpen(opened: boolean) {
    if (open === opened) return;
    open = opened;
    draw();
    if (open) surface?.frame.focus();
    emit(opened ? 'onChatOpen' : 'onChatClose');
  }

  function draw(_?: unknown) {
    if (!surface) return;
    const { button, badge, frame } = surface;
    button.hidden = !(available && wanted) || !!full;
    button.setAttribute('aria-expanded', `${open}`);
    button.setAttribute(
      'aria-label',
      open ? labels.close : labels.open + (unread ? `, ${labels.unread}` : ''),
    );
    badge.textContent = unread > 99 ? '99+' : `${unread}`;
    badge.hidden = open || !unread;
    const visible = available && open;
    frame.hidden = !visible;
    if (ready && visible !== frameVisible)
      post({ onethread: 'visible', visible: (frameVisible = visible) });
  }

  function build() {
    if (full) host.dataset.full = full;
    surface = buildSurface(host, `${origin}/widget/frame?${address}`, () => (ready = false));
    surface.button.onclick = () => setOpen(!open);
    addEventListener('message', ({ origin: from, source, data }) => {
      if (from !== origin || source !== surface!.frame.contentWindow) return;
      try {
        if (Object.hasOwn(handlers, data?.onethread)) handlers[data.onethread]!(data);
      } catch (error) {
        warn('the chat failed:', error);
      }
    });
    // Storage is shared between tabs with a delay, so two tabs may both have started as a new device.
    addEventListener('storage', ({ key }) => {
      const token = tokens.get(tokenKey());
      if (key !== tokenKey() || Date.now() > raceUntil || !token || token === sent) return;
      raceUntil = 0;
      begin();
    });
  }

  setTimeout(() => {
    if (waiting.length) warn(`${waiting.map(([method]) => method)} wait for 'init'.`);
    if (surface && !ready)
      warn(`no chat from ${origin}: look at the application's origins, the page's frame-src.`);
  }, START_TIMEOUT_MS);
  install(call);
}

const script = (d.currentScript ??
  d.querySelector('script[src*="/widget.js"]')) as HTMLScriptElement | null;
if (!isSupported())
  warn(
    'this browser is too old for the chat, which needs Safari 15.4, Firefox 102 or Chromium 100.',
  );
else if (!handOver()) {
  // A page's image named `currentScript` shadows `document.currentScript`.
  if (script instanceof HTMLScriptElement && script.src) start(script);
  else warn('load widget.js by a script tag.');
}
