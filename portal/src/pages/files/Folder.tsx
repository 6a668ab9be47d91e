import { home, useAsync } from "../../api";
import { nameOf, Share } from "../../files";
import { Failure, Loading } from "../../parts/show";
import { Link } from "../../router";
import { Contents } from "./Contents";
import { pathOf, type Place } from "./place";

export default function Folder(place: Place) {
  const { value: sub, error } = useAsync("home", home);
  const id = sub && `${sub.id}/resourceGroups/${decodeURIComponent(place.rg)}/providers/Microsoft.Storage/storageAccounts/${place.account}`;
  const { value: opened, error: refused } = useAsync(`${id}/${place.share}`, async () => (id ? Share.open(id, place.account, place.share) : undefined));
  return (
    <>
      <Trail {...place} />
      <Failure error={error} />
      <Failure error={refused} title="This share cannot be opened" />
      {!opened && !error && !refused && <Loading what="share" />}
      {opened && <Contents key={place.folder.join("/")} {...place} id={id!} share={opened} />}
    </>
  );
}

function Trail(place: Place) {
  const { folder, share, account } = place;
  return (
    <>
      <nav className="trail" aria-label="Path">
        <Link to="/files">File shares</Link> / <span>{account}</span>
        {[share, ...folder].slice(0, -1).map((part, index) => (
          <span key={index}> / <Link to={pathOf({ ...place, folder: folder.slice(0, index) })}>{nameOf(part)}</Link></span>
        ))}
      </nav>
      <h1>{nameOf(folder[folder.length - 1] ?? share)}</h1>
    </>
  );
}
