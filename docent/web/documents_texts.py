"""What the documents page says, in English and in French."""

from __future__ import annotations

DOCUMENTS_TEXTS: dict[str, tuple[str, str]] = {
    "documents": ("Documents", "Documents"),
    "documents_hint": ("See, search and manage the documents", "Voir, chercher et gérer les documents"),
    "documents_ready": (
        "[Open the documents page](/documents): what is here, how it was read, and what can be done with it.",
        "[Ouvrir la page des documents](/documents) : ce qui est là, comment cela a été lu, que faire avec.",
    ),
    "back_to_chat": ("Back to the conversation", "Retour à la conversation"),
    "all_documents": ("All documents", "Tous les documents"),
    "search_name": ("Name holds", "Le nom contient"),
    "library": ("Library", "Bibliothèque"),
    "state": ("State", "État"),
    "every_library": ("Every library", "Toutes les bibliothèques"),
    "every_state": ("Every state", "Tous les états"),
    "private": ("private", "privé"),
    "show": ("Show", "Afficher"),
    "name": ("Name", "Nom"),
    "pages": ("Pages", "Pages"),
    "unread": ("{count} unread", "{count} non lues"),
    "size": ("Size", "Taille"),
    "added": ("Added", "Ajouté"),
    "date": ("Date", "Date"),
    "kind": ("Kind", "Type"),
    "paths": ("Files", "Fichiers"),
    "range": ("{first}–{last} of {total}", "{first}–{last} sur {total}"),
    "earlier": ("Previous", "Précédents"),
    "later": ("Next", "Suivants"),
    "no_documents": (
        "There are no documents yet. Put files in a folder of data/ and run: python ingest.py. "
        "Or drop one on the conversation.",
        "Il n'y a pas encore de documents. Placez des fichiers dans un dossier de data/ et lancez : "
        "python ingest.py. Ou déposez-en un dans la conversation.",
    ),
    "none_found": (
        "No document is like that. Write fewer words, or choose every library and state.",
        "Aucun document ne correspond. Écrivez moins de mots, ou choisissez toutes les bibliothèques et "
        "tous les états.",
    ),
    "not_taken_in": ("Files that could not be read", "Fichiers qui n'ont pas pu être lus"),
    "state_queued": ("waiting", "en attente"),
    "state_loading": ("being read", "en lecture"),
    "state_searchable": ("searchable by words", "cherchable par mots"),
    "state_ready": ("ready", "prêt"),
    "state_partial": ("partly unread", "lu en partie"),
    "state_nothing": ("nothing to search", "rien à chercher"),
    "state_failed": ("could not be read", "illisible"),
    "unlock": ("locked: enter its password", "protégé : saisir le mot de passe"),
    "reading_again": (
        "It is being read again: {pages} pages so far. Until then the older reading answers.",
        "Il est relu : {pages} pages pour l'instant. D'ici là, l'ancienne lecture répond.",
    ),
    "again_failed": ("Reading it again changed nothing: {why}", "La relecture n'a rien changé : {why}"),
    "download": ("Download", "Télécharger"),
    "read_again": ("Read again", "Relire"),
    "share_with": ("Share with everybody, in", "Partager avec tous, dans"),
    "share": ("Share", "Partager"),
    "unshare": ("Take it back, for me alone", "Le reprendre, pour moi seul"),
    "of_a_conversation": ("one conversation's own", "propre à une conversation"),
    "delete": ("Delete…", "Supprimer…"),
    "delete_private": (
        "Its text, its index and the file kept here are removed for good.",
        "Son texte, son index et le fichier conservé ici sont supprimés définitivement.",
    ),
    "delete_shared": (
        "Its text, its index and the file kept here are removed for good, for everybody. A file that lies in "
        "data/ stays there, and the next ingest would read it again: move it away first.",
        "Son texte, son index et le fichier conservé ici sont supprimés définitivement, pour tous. "
        "Un fichier de data/ y reste, et le prochain ingest le relirait : déplacez-le d'abord.",
    ),
    "delete_now": ("Delete for good", "Supprimer définitivement"),
    "not_our_page": (
        "This was not sent by Docent's own page. Go back to it and try again.",
        "Ceci ne vient pas de la page de Docent. Revenez-y et réessayez.",
    ),
    "log_in_first": ("Log in first, then open this again.", "Connectez-vous d'abord, puis rouvrez ceci."),
    "not_kept": (
        "The file itself is not kept any more. Run: python -m docent doctor --mend",
        "Le fichier lui-même n'est plus conservé. Lancez : python -m docent doctor --mend",
    ),
    "no_library": (
        "There is no shared library “{library}”. Go back and choose one of the list.",
        "Il n'y a pas de bibliothèque partagée « {library} ». Revenez et choisissez dans la liste.",
    ),
    "only_admin": (
        "It is shared, so only an administrator can read it again or delete it.",
        "Il est partagé : seul un administrateur peut le relire ou le supprimer.",
    ),
    "coverage": ("How each page was read", "Comment chaque page a été lue"),
    "page": ("Page", "Page"),
    "read_as": ("Read as", "Lue comme"),
    "characters": ("Characters", "Caractères"),
    "remarks": ("Remarks", "Remarques"),
    "read_text": ("text", "texte"),
    "read_ocr": ("recognised ({percent} % sure)", "reconnue (sûre à {percent} %)"),
    "read_empty": ("empty", "vide"),
    "read_failed": ("not read", "non lue"),
    "hidden_text": ("Hidden text, not searched", "Texte caché, non cherché"),
    "deleted": ("“{name}” was deleted", "« {name} » a été supprimé"),
    "deleted_all": ("Nothing of it is left.", "Il n'en reste rien."),
    "deleted_not": (
        "Something is left. Run: python -m docent doctor --mend",
        "Il en reste quelque chose. Lancez : python -m docent doctor --mend",
    ),
    "what": ("What", "Quoi"),
    "found": ("Found", "Trouvé"),
    "left": ("Left", "Reste"),
    "held_chunks": ("pieces of text", "morceaux de texte"),
    "held_pages": ("pages", "pages"),
    "held_words": ("entries of the word index", "entrées de l'index des mots"),
    "held_vectors": ("vectors", "vecteurs"),
    "held_originals": ("files", "fichiers"),
    "held_copies": ("copies made for showing", "copies faites pour l'affichage"),
}
"""By key: the English text and the French one."""
