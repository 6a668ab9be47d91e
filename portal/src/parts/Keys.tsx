import { Button, Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import { useAsync } from "../api";
import { useAct } from "./act";
import { Copy } from "./Copy";
import { Modal } from "./dialogs";
import { Failure, Loading } from "./show";

export interface Key {
  name: string;
  value: string;
}

interface Props {
  about: string;
  /** Who uses the keys, where that is a name of its own. */
  user?: string;
  load: () => Promise<Key[]>;
  /** Makes a key anew, for those who may; tells of all. */
  renew?: (name: string) => Promise<Key[]>;
  onClose: () => void;
}

/** Keys that open something: hidden, to be copied and made anew. */
export function Keys({ about, user, load, renew, onClose }: Props) {
  const { value, error } = useAsync("keys", load);
  const [fresh, setFresh] = useState<Key[]>();
  const { failure, act } = useAct();
  return (
    <Modal title="Access keys" close="Close" onClose={onClose}>
      <p>{about}</p>
      <Failure error={error ?? failure} />
      {!value && !error && <Loading what="keys" />}
      {user && <Field label="User name"><Input readOnly value={user} contentAfter={<Copy label="user name" text={user} />} /></Field>}
      {(fresh ?? value)?.map((key) => (
        <div className="line" key={key.name}>
          <Field label={key.name}><Input readOnly type="password" value={key.value} contentAfter={<Copy label={key.name} text={key.value} />} /></Field>
          {renew && <Button aria-label={`Renew ${key.name}`} onClick={() => act(renew(key.name), setFresh)}>Renew</Button>}
        </div>
      ))}
    </Modal>
  );
}
