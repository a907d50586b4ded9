// Server code for both kinds of proof in five languages: `[language, user_hash, user_jwt]`.
export const SERVER_CODE: [string, string, string][] = [
  [
    'Node.js',
    `const { createHmac } = require('node:crypto');
const userHash = createHmac('sha256', IDENTITY_KEY).update(userId).digest('hex');`,
    `// npm install jsonwebtoken
const jwt = require('jsonwebtoken');
const userJwt = jwt.sign({ sub: userId, aud: ORGANIZATION, email, name }, IDENTITY_KEY, {
  algorithm: 'HS256', keyid: KEY_ID, expiresIn: '10m',
});`,
  ],
  [
    'Python',
    `import hashlib, hmac
user_hash = hmac.new(IDENTITY_KEY.encode(), user_id.encode(), hashlib.sha256).hexdigest()`,
    `# pip install pyjwt
import time, jwt
claims = {"sub": user_id, "aud": ORGANIZATION, "exp": int(time.time()) + 600, "email": email, "name": name}
user_jwt = jwt.encode(claims, IDENTITY_KEY, algorithm="HS256", headers={"kid": KEY_ID})`,
  ],
  [
    'PHP',
    `$userHash = hash_hmac('sha256', $userId, IDENTITY_KEY);`,
    `// composer require firebase/php-jwt
use Firebase\\JWT\\JWT;
$claims = ['sub' => $userId, 'aud' => ORGANIZATION, 'exp' => time() + 600, 'email' => $email, 'name' => $name];
$userJwt = JWT::encode($claims, IDENTITY_KEY, 'HS256', KEY_ID);`,
  ],
  [
    'Ruby',
    `require 'openssl'
user_hash = OpenSSL::HMAC.hexdigest('SHA256', IDENTITY_KEY, user_id)`,
    `# gem install jwt
require 'jwt'
claims = { sub: user_id, aud: ORGANIZATION, exp: Time.now.to_i + 600, email: email, name: name }
user_jwt = JWT.encode(claims, IDENTITY_KEY, 'HS256', { kid: KEY_ID })`,
  ],
  [
    'Go',
    `mac := hmac.New(sha256.New, []byte(identityKey))
mac.Write([]byte(userID))
userHash := hex.EncodeToString(mac.Sum(nil))`,
    `// go get github.com/golang-jwt/jwt/v5
token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
	"sub": userID, "aud": organization, "exp": time.Now().Add(10 * time.Minute).Unix(), "email": email, "name": name,
})
token.Header["kid"] = keyID
userJWT, err := token.SignedString([]byte(identityKey))`,
  ],
];
