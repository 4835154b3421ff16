"""Domains of e-mail that anybody can get an address at, so that they say nothing of a company."""

import re

_LISTED = """
    gmail.com googlemail.com ymail.com rocketmail.com aol.com aim.com msn.com passport.com icloud.com me.com mac.com
    mail.com email.com usa.com consultant.com post.com fastmail.com fastmail.fm hushmail.com hey.com duck.com pm.me
    tutanota.com tutamail.com tuta.com tuta.io proton.me protonmail.com protonmail.ch zoho.com zohomail.com
    zohomail.eu mailbox.org posteo.de posteo.net runbox.com startmail.com disroot.org riseup.net inbox.com lycos.com
    comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net spectrum.net earthlink.net juno.com
    netzero.net optonline.net roadrunner.com rr.com windstream.net frontier.com frontiernet.net centurylink.net q.com
    ameritech.net pacbell.net prodigy.net mindspring.com suddenlink.net rogers.com shaw.ca sympatico.ca telus.net
    bell.net videotron.ca btinternet.com btopenworld.com sky.com virginmedia.com virgin.net ntlworld.com talktalk.net
    blueyonder.co.uk tiscali.co.uk plusnet.com o2.co.uk web.de t-online.de freenet.de arcor.de online.de kabelmail.de
    vodafone.de 1und1.de unitybox.de orange.fr wanadoo.fr free.fr laposte.net sfr.fr bbox.fr neuf.fr numericable.fr
    cegetel.net club-internet.fr aliceadsl.fr libero.it virgilio.it alice.it tin.it tiscali.it fastwebnet.it email.it
    inwind.it iol.it telefonica.net terra.es ya.com ono.com wanadoo.es uol.com.br bol.com.br terra.com.br ig.com.br
    globo.com globomail.com oi.com.br r7.com zipmail.com.br sapo.pt clix.pt telepac.pt prodigy.net.mx infinitum.com.mx
    bluewin.ch hispeed.ch sunrise.ch bluemail.ch aon.at chello.at a1.net inode.at skynet.be telenet.be proximus.be
    scarlet.be ziggo.nl kpnmail.nl planet.nl home.nl xs4all.nl hetnet.nl upcmail.nl telia.com bredband.net online.no
    tdcadsl.dk mail.dk wp.pl o2.pl onet.pl onet.eu op.pl interia.pl interia.eu gazeta.pl poczta.onet.pl seznam.cz
    centrum.cz email.cz volny.cz post.cz azet.sk centrum.sk zoznam.sk freemail.hu citromail.hu abv.bg mail.bg ukr.net
    i.ua meta.ua mail.ru inbox.ru list.ru bk.ru internet.ru rambler.ru ya.ru qq.com foxmail.com 163.com 126.com yeah.net
    sina.com sina.cn sohu.com 139.com 189.cn aliyun.com naver.com daum.net hanmail.net nate.com docomo.ne.jp
    ezweb.ne.jp softbank.ne.jp nifty.com biglobe.ne.jp rediffmail.com rediff.com sify.com indiatimes.com
    bigpond.com bigpond.net.au optusnet.com.au iinet.net.au xtra.co.nz telkomsa.net webmail.co.za walla.co.il
    mail.de email.de gmail.de windowslive.com privaterelay.appleid.com vip.qq.com netscape.net cs.com embarqmail.com
    tds.net hughes.net dbmail.com inbox.lv tutanota.de lycos.de vodafone.it compuserve.com excite.com
    walla.com netvision.net.il mailinator.com guerrillamail.com 10minutemail.com yopmail.com trashmail.com
"""
_DOMAINS = frozenset(_LISTED.split())
_IN_MANY_COUNTRIES = frozenset(  # also as people mistype them
    {"gmail", "googlemail", "yahoo", "hotmail", "outlook", "live", "gmx", "yandex", "aol", "protonmail", "freemail"}
    | {"gmial", "gmal", "gamil", "gmai", "gmaill", "gnail", "hotmial", "hotmai", "hotmil", "yaho", "yahooo", "outlok"}
)
_ENDING = re.compile(r"[a-z]{2}|com?|con|cm|net|com?\.[a-z]{2}")


def is_free_mail(domain: str) -> bool:
    """Whether anybody can get an address at this domain: `gmail.com`, `yahoo.co.uk`, `hotmail.de`."""
    name, _, ending = domain.casefold().partition(".")
    is_of_country = name in _IN_MANY_COUNTRIES and _ENDING.fullmatch(ending)
    return domain.casefold() in _DOMAINS or bool(is_of_country)
