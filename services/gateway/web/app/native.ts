// The app around the page: how it is told something, in each kind of web view. One JSON text a message.

interface Receiver {
  postMessage(message: string): void;
}

interface Natives {
  ReactNativeWebView?: Receiver;
  webkit?: { messageHandlers?: { onethread?: Receiver } };
  /** A Kotlin or Java object added with `addJavascriptInterface`. */
  OnethreadAndroid?: Receiver;
}

/** From the page to the app. */
export type ToApp =
  /** The page listens: the app may say `start`. */
  | { type: 'loaded' }
  /** The chat runs. */
  | { type: 'ready'; mode: 'visitor' | 'contact'; name: string }
  | { type: 'unread'; count: number }
  | { type: 'message'; author: 'customer' | 'agent'; name: string | null; text: string }
  | { type: 'identityRefused' }
  | { type: 'sessionEnded' }
  /** A fresh proof of the user's identity is needed: the app answers with `proof`. */
  | { type: 'proof'; reason: 'refused' | 'ended'; userId: string }
  | { type: 'openUrl'; url: string }
  | { type: 'open' }
  | { type: 'close' }
  | { type: 'error'; message: string };

// Injected before the page's own scripts, so it is there from the beginning or never.
const { ReactNativeWebView, webkit, OnethreadAndroid } = window as unknown as Natives;
const receiver = ReactNativeWebView ?? webkit?.messageHandlers?.onethread ?? OnethreadAndroid;

/** Whether an app listens; else the page is open in a browser. */
export const native = !!receiver;

export function tellApp(message: ToApp) {
  receiver?.postMessage(JSON.stringify(message));
}
