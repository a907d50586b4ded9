// What the loader on the customer's page and the chat in its frame say to each other by postMessage, each
// checked by origin and window on the other side. Types alone: nothing of this is in either script.

/** The `user` object of the snippet, in the snippet's own spelling. */
export interface User {
  user_id?: unknown;
  security_hash?: unknown;
  user_hash?: unknown;
  user_jwt?: unknown;
  custom_data?: Record<string, unknown>;
  [field: string]: unknown;
}

/** What `init` says. */
export interface Init extends Settings {
  applicationId: number | string;
  appId: string;
}

/** What of it the frame is told; which application it is stands in the frame's address. */
export interface Settings {
  applicationSecret?: string;
  user: User;
}

/** Where the person is on the customer's site. */
export interface Page {
  url: string;
  title: string;
  referrer: string;
}

/** What the frame begins with. */
export interface Setup {
  settings: Settings;
  deviceToken: string | null;
  page: Page;
  platform: 'web' | 'ios' | 'android';
  locale: string;
  timeZone: string;
  /** Writing direction of the customer's page. */
  dir: string;
}

/** From the page to the frame. */
export type FromPage =
  | ({ onethread: 'start' } & Setup)
  | { onethread: 'update'; user: User }
  | { onethread: 'logout' }
  | { onethread: 'visible'; visible: boolean; page: Page }
  | { onethread: 'track'; name: string; data?: Record<string, unknown> }
  | { onethread: 'say'; text: string }
  | { onethread: 'type'; text: string }
  | { onethread: 'mute'; muted: boolean }
  | { onethread: 'locale'; locale: string };

/** From the frame to the page. */
export type FromFrame =
  | { onethread: 'ready' }
  | { onethread: 'device'; deviceToken: string }
  | { onethread: 'state'; unread: number; look?: Look; labels: Labels }
  | { onethread: 'event'; name: EventName; detail?: unknown }
  | { onethread: 'restart' }
  | { onethread: 'close' }
  | { onethread: 'problem'; text: string };

/** What of an application's look the button follows. */
export interface Look {
  color?: string;
  side?: 'left' | 'right';
}

/** Texts of the button in the person's language. */
export interface Labels {
  open: string;
  close: string;
  unread: string;
}

/** What a page can listen for: `HelpCrunch('onReady', () => …)`. */
export type EventName =
  | 'onReady'
  | 'onChatOpen'
  | 'onChatClose'
  | 'onNewUnreadChat'
  | 'onUnreadCountChange'
  | 'onIdentityRefused'
  | 'onSessionEnded';
