/** A URL without its query, its fragment and its user, which may hold secrets; undefined for what is no URL. */
export function withoutSecrets(text: string | undefined): URL | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  url.search =
    url.hash =
    url.username =
    url.password =
      "";
  return url;
}
