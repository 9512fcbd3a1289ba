/**
 * The packages of others, which are installed in this folder and not with the library. What is used of them is declared by hand in
 * the file of each contestant, so that everything is checked where they are not installed.
 */
export const load = <Module>(name: string): Promise<Module> => import(name)
