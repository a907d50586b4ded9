// Handles the calls of the page. A call that names a user may start a session, change the profile, or do nothing.
import type { FromPage, User } from '../shared/protocol';
import {
  changeUser,
  draft,
  logOut,
  mute,
  pageDirection,
  pageScheme,
  sendForPage,
  setup,
  warnPage,
  track,
  failure,
  update,
  useSetup,
  visible,
} from './chat';
import { locale } from './texts';
import { identityOf, merged, profileOf, readUser, unpack } from './user';

// When the snippet runs again without a user, the page may name its user a moment later.
const LOGOUT_DELAY_MS = 100;
let pendingLogout: ReturnType<typeof setTimeout> | undefined;

const currentUser = () => setup!.user;

/** Runs a call of the page. */
export function handleCall(call: FromPage) {
  switch (call.onethread) {
    case 'start':
      locale.value = call.locale;
      pageDirection.value = call.dir;
      pageScheme.value = call.scheme ?? '';
      return useSetup({ ...call, user: readUser(call.user, warnPage, true) });
    case 'init':
      return initAgain(readUser(call.user, warnPage, true));
    case 'auth':
      return authenticate(readUser(call.user, warnPage));
    case 'update':
      return change(readUser(call.user, warnPage));
    case 'logout':
      return logOutUser();
    case 'visible':
      visible.value = call.visible;
      return;
    case 'track':
      return track(call.name, unpack(call.data, warnPage));
    case 'say':
      return sendForPage(call.text);
    case 'type':
      draft.value = call.text;
      return;
    case 'mute':
      return mute(call.muted);
    case 'locale':
      locale.value = call.locale;
  }
}

/** The snippet ran again: with another user it logs in, without a user it logs out. */
function initAgain(user: User) {
  if (user.user_id) return identify(user);
  // Turbo renders its cached copy of a page and then the page itself, so the snippet runs twice.
  clearTimeout(pendingLogout);
  if (currentUser().user_id) pendingLogout = setTimeout(logOutUser, LOGOUT_DELAY_MS);
}

function authenticate(user: User) {
  if (user.user_id) identify(user);
  else warnPage("'userAuth' needs a user_id: for a visitor call 'logout'.");
}

/** Logs in as this user. If they are logged in already, only changed profile fields go to the server. */
function identify(user: User) {
  clearTimeout(pendingLogout);
  const before = currentUser();
  if (failure || identityOf(user) !== identityOf(before)) return changeUser(user, true);
  const all = merged(before, user);
  changeUser(all, false);
  if (JSON.stringify(profileOf(all)) !== JSON.stringify(profileOf(before))) update(profileOf(user));
}

function change(user: User) {
  const before = currentUser();
  user.user_id ||= before.user_id;
  if (user.user_id !== before.user_id) return identify(user);
  const all = merged(before, user);
  const restart = identityOf(all) !== identityOf(before);
  changeUser(all, restart);
  if (!restart) update(profileOf(user));
}

/** Logs out. Does nothing when no user is logged in. */
function logOutUser() {
  clearTimeout(pendingLogout);
  if (currentUser().user_id) logOut();
}
