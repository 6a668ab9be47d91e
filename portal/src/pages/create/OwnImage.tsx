import { Field, Select } from "@fluentui/react-components";
import { useAsync } from "../../api";
import { replace } from "../../parts/list";
import { Content, listRegistries } from "../../registry";
import type { StepProps } from "./step";

/** An image of a registry of this host. */
export function OwnImage({ d, set, say }: StepProps) {
  const { value: registries, error } = useAsync("registries", listRegistries);
  const registry = registries?.find((one) => one.id === d.registry);
  const [path, tag = ""] = d.containers[0].image.split(/:(?=[^/]*$)/);
  const prefix = registry ? `${registry.properties.loginServer}/` : "";
  const repository = prefix && path.startsWith(prefix) ? path.slice(prefix.length) : "";
  const content: Content | undefined = registry && new Content(registry.name);
  const { value: repositories, error: refused } = useAsync(`in ${registry?.id}`, async () => content?.repositories());
  const { value: tags } = useAsync(`of ${registry?.id} ${repository}`, async () => (repository ? content?.tags(repository) : []));
  const setImage = (image: string) => ({ containers: replace(d.containers, 0, { image }) });
  const choose = (id: string) => {
    const found = registries?.find((one) => one.id === id);
    set({ registry: id, server: found?.properties.loginServer ?? "", user: found?.name.toLowerCase() ?? "", ...setImage("") });
  };
  const problem = (error ?? refused)?.message
    ?? (registries && !registries.length ? "There is no registry yet; make one on the page Registries." : undefined)
    ?? (registry && !registry.properties.adminUserEnabled ? "The group needs its admin user, which is off." : undefined);
  return (
    <>
      <Field label="Registry" required {...say("server")} {...(problem && { validationMessage: problem, validationState: "error" })}>
        <Select value={d.registry} onChange={(_, data) => choose(data.value)}>
          <option value="">Choose</option>
          {registries?.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </Select>
      </Field>
      <Field label="Repository" required {...say("containers.0.image")}>
        <Select value={repository} disabled={!repositories} onChange={(_, data) => set(setImage(data.value && `${prefix}${data.value}`))}>
          <option value="">{repositories && !repositories.length ? "Nothing was pushed yet" : "Choose"}</option>
          {repositories?.map((name) => <option key={name}>{name}</option>)}
        </Select>
      </Field>
      <Field label="Tag" required {...say("tag")}>
        <Select value={tag} disabled={!tags?.length} onChange={(_, data) => set(setImage(`${prefix}${repository}${data.value && `:${data.value}`}`))}>
          <option value="">Choose</option>
          {tags?.map((name) => <option key={name}>{name}</option>)}
        </Select>
      </Field>
    </>
  );
}
