// The `user` object as pages write it, turned into what the server takes.
import { LOST, type Packed, type User } from '../shared/protocol';

type Tell = (hint: string) => void;

// 15 digits: JavaScript holds each of them exactly.
const LARGEST_ID = 1e15;

/**
 * Reads what the loader packed. What JSON can't carry is left out, and `tell` hears of it: NaN would have become null,
 * which clears a field, and a whole number beyond 2^53 another number. Templates leave much undefined: `init` isn't told.
 */
export function unpack(text: Packed, tell: Tell, init = false): Record<string, unknown> {
  const read = JSON.parse(text, (key, value: any) => {
    const lost = value?.[LOST];
    if (typeof lost !== 'string') return value;
    // A wrong user id is for the server to reject: without one it would be another person.
    if (key === 'user_id' && lost !== 'undefined')
      return /^[-+.e\d]+$/.test(lost) ? Number(lost) : 'NaN';
    if (!init || lost !== 'undefined')
      tell(
        `'${key}' is ${lost} and was left out: use a string for a number beyond 2^53, null to clear.`,
      );
    return undefined;
  });
  return read && typeof read === 'object' ? read : {};
}

/** A user in the server's spelling. */
export function readUser(text: Packed, tell: Tell, init = false): User {
  const { signature, ...read } = unpack(text, tell, init) as User;
  if (signature) read.user_hash ??= signature;
  const { user_id } = read;
  if (typeof user_id === 'number' && user_id % 1 === 0 && Math.abs(user_id) < LARGEST_ID) {
    tell('user_id is a number: a string is better.');
    read.user_id = String(user_id);
  }
  return read;
}

/** Two users with the same key are the same user with the same proof. A JWT is different on each page, so it is left out. */
export const identityOf = ({ user_id, security_hash, user_hash }: User) =>
  JSON.stringify([user_id || null, security_hash || null, user_hash || null]);

/** The profile fields, without ids and proofs. */
export function profileOf({ user_id, security_hash, user_hash, user_jwt, ...profile }: User) {
  return profile;
}

/** The first user, overwritten by the second, attribute by attribute. */
export function merged(one: User, other: User): User {
  const all = { ...one, ...other };
  if (one.custom_data && other.custom_data)
    all.custom_data = { ...one.custom_data, ...other.custom_data };
  return all;
}
