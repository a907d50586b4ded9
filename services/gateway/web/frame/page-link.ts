// Messages between the frame and the customer's page around it. After the first message only those of the same window
// and origin are accepted.
import { attempt } from '../shared/browser';
import type { EventName, FromFrame, FromPage, Page } from '../shared/protocol';

// A page that doesn't answer in this time is assumed to have the same URL as before.
const ANSWER_TIMEOUT_MS = 500;

let host: string | undefined;
let page: Page = { url: '', title: '', referrer: '' };
const waiting: ((page: Page) => void)[] = [];

/** Whether the frame's parent is the page for apps. Reading the address of another origin's page throws. */
export const inApp = attempt(
  () => parent !== window && parent.location.pathname === '/widget/app',
  false,
);

export function postToPage(message: FromFrame) {
  if (host === undefined) return;
  // A page from a file has the opaque origin "null", which can't be addressed.
  parent.postMessage(message, host === 'null' ? '*' : host);
}

export const emitEvent = (name: EventName, detail?: unknown) =>
  postToPage({ onethread: 'event', name, detail });

/** Asks the page for its current URL and title: a single-page app changes them without a call. */
export function currentPage() {
  return new Promise<Page>((resolve) => {
    waiting.push(resolve);
    setTimeout(() => resolve(page), ANSWER_TIMEOUT_MS);
    postToPage({ onethread: 'where' });
  });
}

/** The URL and title that came with the page's last message. */
export const lastPage = () => page;

/** Calls `onCall` for each call of the page, and tells the page that the frame is ready. */
export function listenToPage(onCall: (call: FromPage) => void) {
  addEventListener('message', ({ source, origin, data }: MessageEvent) => {
    if (
      source !== parent ||
      (host !== undefined && origin !== host) ||
      typeof data?.onethread !== 'string'
    )
      return;
    host = origin;
    if (data.page) page = truncate(data.page);
    if (data.onethread === 'page') waiting.splice(0).forEach((answer) => answer(page));
    else onCall(data as FromPage);
  });
  parent.postMessage({ onethread: 'ready' } satisfies FromFrame, '*');
}

// The server rejects longer values.
const truncate = ({ url, title, referrer }: Page): Page => ({
  url: `${url}`.slice(0, 2048),
  title: `${title}`.slice(0, 255),
  referrer: `${referrer}`.slice(0, 2048),
});
