import { Button } from "@fluentui/react-components";
import { useState } from "react";
import { useAsync } from "../api";
import { useAct } from "../parts/act";
import { Copy } from "../parts/Copy";
import { ConfirmDelete } from "../parts/dialogs";
import { bytesOf } from "../parts/format";
import { Empty, Failure } from "../parts/show";
import { Actions, Listed, Table } from "../parts/Table";
import { Content } from "../registry";

/** Tags that are shown at once: each is asked about. */
const STEP = 50;

/** What is in a registry; `server` is what its images begin with. */
export function Repositories({ registry, ...rest }: { registry: string; server: string; canDelete: boolean }) {
  const [content] = useState(() => new Content(registry));
  const { value, error } = useAsync(registry, content.repositories);
  const { server } = rest;
  return (
    <>
      <h2>Repositories</h2>
      <Listed value={value} error={error} what="repositories" empty={(
        <Empty title="Nothing was pushed yet">
          <p><code>docker push {server}/name:tag</code> brings an image, after <code>docker login {server.split("/")[0]}</code>.</p>
        </Empty>
      )}>
        {(names) => names.map((name) => <Repository key={name} content={content} name={name} {...rest} />)}
      </Listed>
    </>
  );
}

interface RepositoryProps {
  content: Content;
  server: string;
  name: string;
  canDelete: boolean;
}

function Repository({ content, server, name, canDelete }: RepositoryProps) {
  const { value, error, reload } = useAsync(`${server}/${name}`, () => content.tags(name));
  const [count, setCount] = useState(STEP);
  const [doomed, setDoomed] = useState<string>();
  const { failure, act } = useAct();
  return (
    <section className="card" aria-label={`Repository ${name}`}>
      <h3>{name}</h3>
      <Failure error={failure} />
      <Listed value={value} error={error} what="tags" empty={<p>No tags.</p>}>
        {(tags) => (
          <Table label={`Tags of ${name}`} head={<><th>Tag</th><th>Size</th><th className="wide">Digest</th><Actions /></>}>
            {tags.slice(0, count).map((tag) => <TagRow key={tag} {...{ content, server, name, tag, canDelete }} onDelete={() => setDoomed(tag)} />)}
          </Table>
        )}
      </Listed>
      {value && value.length > count && <div><Button onClick={() => setCount(count + STEP)}>Show more of {value.length}</Button></div>}
      {doomed && <ConfirmDelete names={[`${name}:${doomed}`]} loss="Nobody can pull the image by this tag any more." onDelete={() => act(content.remove(name, doomed), reload)} onClose={() => setDoomed(undefined)} />}
    </section>
  );
}

function TagRow({ content, server, name, tag, canDelete, onDelete }: RepositoryProps & { tag: string; onDelete: () => void }) {
  const { value, error } = useAsync(`${server}/${name}:${tag}`, () => content.manifest(name, tag));
  return (
    <tr>
      <td>{tag}</td>
      <td>{error ? <span title={error.message}>unknown</span> : !value ? "…" : value.isIndex ? "several platforms" : bytesOf(value.size)}</td>
      <td className="wide" title={value?.digest}>{value?.digest.slice(0, 19)}</td>
      <td className="end">
        <span className="bar">
          <Copy label={`reference of ${name}:${tag}`} text={`${server}/${name}:${tag}`} />
          {canDelete && <Button size="small" aria-label={`Delete ${name}:${tag}`} onClick={onDelete}>Delete</Button>}
        </span>
      </td>
    </tr>
  );
}
