// Sends messages to the app around the page, in each kind of web view. A message is one JSON text.

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
  /** The page is listening: the app may send `start`. */
  | { type: 'loaded' }
  /** A session has started. */
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

// Apps inject these before the page's own scripts run.
const { ReactNativeWebView, webkit, OnethreadAndroid } = window as unknown as Natives;
const receiver = ReactNativeWebView ?? webkit?.messageHandlers?.onethread ?? OnethreadAndroid;

/** Whether an app listens. If not, the page is open in a browser. */
export const native = !!receiver;

export function postToApp(message: ToApp) {
  receiver?.postMessage(JSON.stringify(message));
}
