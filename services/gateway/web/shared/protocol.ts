// What the loader on the customer's page and the chat in its frame say to each other by postMessage, each
// checked by origin and window on the other side.

/** The `user` object of the snippet, in the snippet's own spelling. */
export interface User {
  user_id?: unknown;
  security_hash?: unknown;
  user_hash?: unknown;
  user_jwt?: unknown;
  /** HelpCrunch's name of `user_hash`. */
  signature?: unknown;
  custom_data?: Record<string, unknown>;
  [field: string]: unknown;
}

/** What `init` says. */
export interface Init {
  applicationId: number | string;
  applicationSecret: string;
  appId: string;
  user: User;
}

/** Where the person is on the customer's site. */
export interface Page {
  url: string;
  title: string;
  referrer: string;
}

/** JSON of what a page says, with an object of this one member for each value that JSON can't carry. */
export type Packed = string;
export const LOST = 'onethread:lost';

/** What the frame starts with. The frame's URL names the application. */
export interface Setup {
  applicationSecret?: string;
  user: Packed;
  deviceToken: string | null;
  platform: 'web' | 'ios' | 'android';
  locale: string;
  timeZone: string;
  muted: boolean;
  /** Writing direction of the customer's page. */
  dir: string;
  /** Its `color-scheme`, as its style or its `meta` element says. */
  scheme?: string;
}

/** From the page to the frame; each says where the person is as well. */
export type FromPage =
  | ({ onethread: 'start' } & Setup)
  | { onethread: 'init' | 'auth' | 'update'; user: Packed }
  | { onethread: 'logout' }
  | { onethread: 'visible'; visible: boolean }
  | { onethread: 'page' }
  | { onethread: 'track'; name: string; data: Packed }
  | { onethread: 'say' | 'type'; text: string }
  | { onethread: 'mute'; muted: boolean }
  | { onethread: 'locale'; locale: string };

/** From the frame to the page. */
export type FromFrame =
  | { onethread: 'ready' }
  | { onethread: 'device'; deviceToken: string }
  /** For the page to keep, in case the frame has to start over. */
  | { onethread: 'user'; user: Packed }
  /** The page forgets its device token. */
  | { onethread: 'forget' }
  | { onethread: 'state'; unread: number; look?: Look; labels: Labels; style: string }
  | { onethread: 'event'; name: EventName; detail?: unknown }
  | { onethread: 'where' }
  | { onethread: 'restart' }
  | { onethread: 'close' }
  | { onethread: 'problem'; text: string };

/** What of an application's look the button follows. */
export interface Look {
  color?: string;
  /** Black or white, whichever is read on the color. */
  ink?: string;
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
  | 'onNewUnreadMessages'
  | 'onUnreadCountChange'
  | 'onMessage'
  | 'onCustomerMessage'
  | 'onAgentMessage'
  | 'onPreChatFormSubmit'
  | 'onError'
  | 'onIdentityRefused'
  | 'onSessionEnded';
