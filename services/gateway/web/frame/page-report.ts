// Tells the server when the person did something on another page of a single-page app. The server notes a page with an
// init, at most once a minute.
import type { Page } from '../shared/protocol';
import { currentPage } from './page-link';

// A little more than the minute in which the server keeps what it noted.
const REPORT_INTERVAL_MS = 60_200;

export class PageReport {
  #url = '';
  #at = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly send: (page: Page) => Promise<void>) {}

  /** The server knows this page, as of now. Nothing else is to be told. */
  known({ url }: Page) {
    this.stop();
    this.#url = url;
    this.#at = Date.now();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The person did something here. */
  acted({ url }: Page) {
    if (url === this.#url || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#report(), this.#at + REPORT_INTERVAL_MS - Date.now());
  }

  async #report() {
    const page = await currentPage();
    if (page.url === this.#url) return this.stop();
    this.known(page);
    await this.send(page).catch(() => {});
  }
}

/** Whether a JWT can't prove anything any more, or is none. */
export function isExpired(jwt: unknown) {
  try {
    const payload = String(jwt).split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/');
    return !(JSON.parse(atob(payload)).exp * 1000 > Date.now());
  } catch {
    return true;
  }
}
