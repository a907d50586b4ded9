// The customer's page around the frame: what it asks for, and what it is told. Messages count only from the window
// and the origin that spoke first.
import { attempt } from '../shared/browser';
import type { EventName, FromFrame, FromPage, Page } from '../shared/protocol';

// A page that is busy for longer is taken to be where it was.
const ANSWER_TIMEOUT_MS = 500;

let host: string | undefined;
let page: Page = { url: '', title: '', referrer: '' };
const asking: ((page: Page) => void)[] = [];

/** Whether the chat is the whole page of an app's web view: there is nothing to close it to. A page of another origin throws. */
export const alone = attempt(
  () => parent !== window && parent.location.pathname === '/widget/app',
  false,
);

export function tellPage(said: FromFrame) {
  if (host === undefined) return;
  // A page from a file has the opaque origin "null", which can't be addressed.
  parent.postMessage(said, host === 'null' ? '*' : host);
}

export const tellEvent = (name: EventName, detail?: unknown) =>
  tellPage({ onethread: 'event', name, detail });

/** Where the person is now: a single-page app moves on without a word. */
export function currentPage() {
  return new Promise<Page>((resolve) => {
    asking.push(resolve);
    setTimeout(() => resolve(page), ANSWER_TIMEOUT_MS);
    tellPage({ onethread: 'where' });
  });
}

/** Where the person was when the page last spoke. */
export const lastPage = () => page;

/** Hands on what the page says, and lets it know that the frame listens. */
export function hearPage(hear: (said: FromPage) => void) {
  addEventListener('message', ({ source, origin, data }: MessageEvent) => {
    if (
      source !== parent ||
      (host !== undefined && origin !== host) ||
      typeof data?.onethread !== 'string'
    )
      return;
    host = origin;
    if (data.page) page = short(data.page);
    if (data.onethread === 'page') asking.splice(0).forEach((answer) => answer(page));
    else hear(data as FromPage);
  });
  parent.postMessage({ onethread: 'ready' } satisfies FromFrame, '*');
}

// As much of each as the server takes.
const short = ({ url, title, referrer }: Page): Page => ({
  url: `${url}`.slice(0, 2048),
  title: `${title}`.slice(0, 255),
  referrer: `${referrer}`.slice(0, 2048),
});
