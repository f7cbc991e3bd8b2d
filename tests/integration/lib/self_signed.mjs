// A certificate for localhost that nobody has signed but itself, and its key: for tests of who is believed. It opens nothing.

export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk0LU9MJLtqJXpMv2
Hd0xuUuv5XIUUPrAujR/skpKyf+hRANCAAQgG50hq+MvR+EiVy8OmoaOLUds6QOV
XpiUcIlMfU4qtQzc6Hv07oBS4dBmuCAzJFwD5DrWmtiyyxXe9dShWhIF
-----END PRIVATE KEY-----
`;

export const cert = `-----BEGIN CERTIFICATE-----
MIIBljCCATugAwIBAgIUCmBjEkE1v26asfxcD0tC1YCMx20wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzE3MjgyMloYDzIxMjYxMDMw
MTcyODIyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQgG50hq+MvR+EiVy8OmoaOLUds6QOVXpiUcIlMfU4qtQzc6Hv07oBS
4dBmuCAzJFwD5DrWmtiyyxXe9dShWhIFo2kwZzAdBgNVHQ4EFgQUb1ufBiTmtGSb
sPow4vVRsEI67JQwHwYDVR0jBBgwFoAUb1ufBiTmtGSbsPow4vVRsEI67JQwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SQAwRgIhAMNTJISHLm8+PtiVa7fKz7HltUeic4IdnIonHeeNoJyKAiEAlgzWyDc3
fr9P24h/gjYGtJ7iwPW4CJDtstgrSjL2lVo=
-----END CERTIFICATE-----
`;
