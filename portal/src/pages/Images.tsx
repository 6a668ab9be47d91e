import { Button, Field, Input, ProgressBar } from "@fluentui/react-components";
import { useState } from "react";
import { call, home, listAll, send, useAsync, usePermissions, type Json } from "../api";
import { useAct } from "../parts/act";
import { bytesOf } from "../parts/format";
import { Age, Empty, Failure } from "../parts/show";
import { Listed, Table } from "../parts/Table";

export default function Images() {
  const { value: sub } = useAsync("home", home);
  const can = usePermissions(sub?.id);
  const { value, error, reload } = useAsync("images", () => listAll("/wharf/v1/images"));
  const [name, setName] = useState("");
  const [progress, setProgress] = useState<Json>();
  const [failure, setFailure] = useState<Error>();
  const prune = useAct();

  const pull = async () => {
    setFailure(undefined);
    setProgress({});
    try {
      const response = await send("/wharf/v1/images/pull", { method: "POST", body: JSON.stringify({ reference: name.trim() }) });
      let rest = "";
      for await (const text of response.body!.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines.map((line) => JSON.parse(line))) {
          if (line.error) throw new Error(line.error.message);
          if (line.progress) setProgress(line.progress);
        }
      }
      setName("");
      reload();
    } catch (error) {
      setFailure(error as Error);
    }
    setProgress(undefined);
  };
  return (
    <>
      <h1>Images</h1>
      {can("Microsoft.Wharf/images/pull/action") && (
        <form className="line" onSubmit={(event) => { event.preventDefault(); void pull(); }}>
          <Field label="Image to pull"><Input value={name} placeholder="registry/name:tag" onChange={(_, data) => setName(data.value)} /></Field>
          <Button type="submit" appearance="primary" disabled={!name.trim() || !!progress}>Pull</Button>
          {can("Microsoft.Wharf/images/prune/action") && <Button disabled={prune.isBusy} onClick={() => prune.act(call("POST", "/wharf/v1/images/prune", {}), reload)}>Remove unused images</Button>}
        </form>
      )}
      {progress && <Progress name={name} progress={progress} />}
      <Failure error={failure} title="This image cannot be pulled" />
      <Failure error={prune.failure} />
      <Listed value={value} error={error} what="images" empty={<Empty title="No images here yet"><p>Images are pulled when a group needs them; the quickstart images come with Wharf.</p></Empty>}>
        {(images) => (
          <Table label="Images" head={<><th>Image</th><th>Size</th><th className="wide">Layers</th><th className="wide">Stored</th></>}>
            {images.map((image) => <tr key={image.reference}><td title={image.digest}>{image.reference}</td><td>{bytesOf(image.packedBytes)}</td><td className="wide">{image.layers}</td><td className="wide"><Age at={image.storedAt} ago /></td></tr>)}
          </Table>
        )}
      </Listed>
    </>
  );
}

/** How far a pull has come; at first that is not known. */
function Progress({ name, progress: { layers, layers_done: done, bytes, bytes_done: got } }: { name: string; progress: Json }) {
  return (
    <Field label={layers ? `${done} of ${layers} layers, ${bytesOf(got)} of ${bytesOf(bytes)}` : "Asking the registry…"}>
      <ProgressBar aria-label={`Pulling ${name}`} value={bytes ? got / bytes : undefined} />
    </Field>
  );
}
