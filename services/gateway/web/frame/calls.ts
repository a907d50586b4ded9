// What the page asks for, and who it says its user is: nobody new, somebody else, or the same with new fields.
import type { FromPage, User } from '../shared/protocol';
import {
  changeUser,
  draft,
  logOut,
  mute,
  pageDirection,
  pageScheme,
  sayForPage,
  setup,
  tell,
  track,
  trouble,
  update,
  useSetup,
  visible,
} from './chat';
import { locale } from './texts';
import { identityOf, merged, profileOf, readUser, unpack } from './user';

// The snippet may run again a moment before the page says who is logged in.
const LOGOUT_DELAY_MS = 100;
let leaving: ReturnType<typeof setTimeout> | undefined;

const userNow = () => setup!.user;

/** Does what the page says. */
export function hear(said: FromPage) {
  switch (said.onethread) {
    case 'start':
      locale.value = said.locale;
      pageDirection.value = said.dir;
      pageScheme.value = said.scheme ?? '';
      return useSetup({ ...said, user: readUser(said.user, tell, true) });
    case 'init':
      return initAgain(readUser(said.user, tell, true));
    case 'auth':
      return authenticate(readUser(said.user, tell));
    case 'update':
      return change(readUser(said.user, tell));
    case 'logout':
      return leave();
    case 'visible':
      visible.value = said.visible;
      return;
    case 'track':
      return track(said.name, unpack(said.data, tell));
    case 'say':
      return sayForPage(said.text);
    case 'type':
      draft.value = said.text;
      return;
    case 'mute':
      return mute(said.muted);
    case 'locale':
      locale.value = said.locale;
  }
}

/** The snippet runs again: with another user it logs in, without one it logs out. */
function initAgain(user: User) {
  if (user.user_id) return identify(user);
  // Turbo renders its copy of a page and then the page: the snippet runs twice.
  clearTimeout(leaving);
  if (userNow().user_id) leaving = setTimeout(leave, LOGOUT_DELAY_MS);
}

function authenticate(user: User) {
  if (user.user_id) identify(user);
  else tell("'userAuth' needs a user_id: for a visitor call 'logout'.");
}

/** Continues as this user. If it is the same one, only what is new about them goes to the server. */
function identify(user: User) {
  clearTimeout(leaving);
  const before = userNow();
  if (trouble || identityOf(user) !== identityOf(before)) return changeUser(user, true);
  const all = merged(before, user);
  changeUser(all, false);
  if (JSON.stringify(profileOf(all)) !== JSON.stringify(profileOf(before))) update(profileOf(user));
}

function change(user: User) {
  const before = userNow();
  user.user_id ||= before.user_id;
  if (user.user_id !== before.user_id) return identify(user);
  const all = merged(before, user);
  const restart = identityOf(all) !== identityOf(before);
  changeUser(all, restart);
  if (!restart) update(profileOf(user));
}

/** Does nothing when nobody is logged in. */
function leave() {
  clearTimeout(leaving);
  if (userNow().user_id) logOut();
}
